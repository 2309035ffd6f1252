#!/bin/sh
# The whole life of the node manager's Debian package, for real: `sh tools/package/try-node-package.sh`, as root.
# A fresh Debian 12 gets the package by apt, builds an image, joins an authority, runs a sliver, is upgraded without
# stopping it, and is purged without a trace. It takes some minutes and the network, so that it is not part of npm test.
set -eu

cd "$(dirname -- "$0")/../.."
[ "$(id -u)" = 0 ] || { echo 'this needs root' >&2; exit 1; }
. tools/setup/lib.sh
ensure_npm_packages
node=$(find_node)
scratch=$(mktemp -d /var/tmp/planetlab-package-XXXXXX)
root=$scratch/root
holder=

say() {
  echo "== $*"
}

clean_up() {
  if [ -n "$holder" ]; then kill "$holder" 2>/dev/null || true; fi
  rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say 'building the package, twice: the second is the upgrade'
"$node" tools/package/node-package.ts --out "$scratch/first"
"$node" tools/package/node-package.ts --out "$scratch/second" --revision 2

say 'making a Debian 12 machine'
mmdebstrap --quiet --variant=minbase --include=ca-certificates,procps bookworm "$root"
mkdir -p "$root/packages" "$root/old"
mv "$scratch/first" "$scratch/second" "$root/packages/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# User namespaces cannot be made in a chroot; a mount namespace with a root of its own is as good as a machine. It lives
# as long as the process that holds it, and all its mounts end with it.
unshare --mount --propagation private sh -eu -c '
  mount --bind "$1" "$1"
  mount --bind -o ro /etc/apt "$1/etc/apt"
  mount -t proc proc "$1/proc"
  mount --rbind /sys "$1/sys"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs -o mode=755 tmpfs "$1/run"
  mount -t tmpfs tmpfs "$1/tmp"
  cd "$1"
  pivot_root . old
  umount -l /old
  echo ready >/tmp/ready
  exec sleep infinity
' sh "$root" &
holder=$!
inside() {
  nsenter --target "$holder" --mount -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}
until inside test -e /tmp/ready 2>/dev/null; do sleep 0.1; done

say 'installing the package with all it depends on'
# what else apt installs must not start: this machine shares its network
inside sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d'
inside apt-get update -qq
inside sh -c 'apt-get install -y -qq -o Dpkg::Use-Pty=0 /packages/first/*.deb >/tmp/apt.log 2>&1 || {
  tail -20 /tmp/apt.log
  exit 1
}'
inside rm /usr/sbin/policy-rc.d

say 'building the image that slivers start from'
inside pl-node image build debian-12

say 'joining, running, upgrading, purging'
# in a network of its own, so that it meets no other test
unshare --net -- "$node" tests/host/package-node-cycle.ts "$holder"
