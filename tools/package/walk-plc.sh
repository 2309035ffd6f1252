#!/bin/sh
# An operator's walk through docs/operating/plc.md: `sh tools/package/walk-plc.sh [bookworm | trixie]`, as root. A fresh
# Debian 12 (or 13) gets the package, a PostgreSQL with TLS, two PLC processes behind nginx, mail, a node with a slice, an
# upgrade and a backup; then the authority is lost and restored. It takes some minutes and the network, so that it is not
# part of npm test.
set -eu

case ${1-bookworm} in
  bookworm) suite=bookworm release=12 ;;
  trixie) suite=trixie release=13 ;;
  *) echo 'usage: walk-plc.sh [bookworm | trixie]' >&2; exit 2 ;;
esac
cd "$(dirname -- "$0")/../.."
[ "$(id -u)" = 0 ] || { echo 'this needs root' >&2; exit 1; }
. tools/setup/lib.sh
ensure_npm_packages
node=$PWD/$(find_node)
guide=docs/operating/plc.md
architecture=$(dpkg --print-architecture)
# a whole Debian: more than a /tmp in memory may hold
scratch=$(mktemp -d /var/tmp/planetlab-plc-XXXXXX)
root=$scratch/root
machine=
first=
manager=
mail=
step='to begin'

say() {
  step=$*
  echo "== $step"
}

# The machine's processes, mounts and network end with its first process.
clean_up() {
  code=$?
  trap - EXIT
  trap '' INT TERM HUP
  for pid in $manager $mail; do kill -9 "$pid" 2>/dev/null || true; done
  if [ -n "$machine" ]; then kill -9 "${first:-$machine}" 2>/dev/null || true; fi
  wait
  rm -rf --one-file-system "$scratch"
  if [ "$code" = 0 ]; then echo 'passed: the whole walk'; else echo "failed: $step" >&2; fi
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say 'building the package, twice: the second is the upgrade'
"$node" tools/package/plc-package.ts --out "$scratch/first"
"$node" tools/package/plc-package.ts --out "$scratch/second" --revision 2

say "making a Debian $release machine"
mmdebstrap --quiet --variant=minbase --include=ca-certificates,procps,openssl,curl,iproute2 "$suite" "$root"
mkdir -p "$root/old"
cp "$scratch"/first/*.deb "$scratch"/second/*.deb "$root/root/"
# how this machine reaches the archive
cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
cp /etc/resolv.conf "$root/etc/"
{ cat /etc/hosts; echo '127.0.0.1 plc.example.org db.example.org mail.example.org'; } >"$root/etc/hosts"
printf 'APT::Get::Assume-Yes "true";\nDpkg::Use-Pty "0";\nquiet "2";\n' >"$root/root/apt.conf"

# Mounts, processes and a network of its own, as in try-node-package.sh. The first process also waits for orphans.
unshare --mount --propagation private --net --pid --fork --kill-child sh -eu -c '
  read -r pid rest </proc/self/stat
  mount --bind "$1" "$1"
  mount -t proc proc "$1/proc"
  mount --rbind /sys "$1/sys"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs -o mode=755 tmpfs "$1/run"
  mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
  ip link set lo up
  echo "$pid" >"$2.new"
  mv "$2.new" "$2"
  cd "$1"
  pivot_root . old
  umount -l /old
  echo ready >/tmp/ready
  while :; do sleep 1000 & wait; done
' sh "$root" "$scratch/pid" 2>"$scratch/machine.log" &
machine=$!
until [ -s "$scratch/pid" ]; do
  kill -0 "$machine" 2>/dev/null || { cat "$scratch/machine.log" >&2; exit 1; }
  sleep 0.1
done
first=$(cat "$scratch/pid")
environment='env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive APT_CONFIG=/root/apt.conf'
# With the network of the host: to fetch packages, and for nothing else.
# shellcheck disable=SC2086
online() {
  nsenter --target "$first" --mount --pid -- $environment sh -euc "cd /root; $1"
}
# shellcheck disable=SC2086
inside() {
  nsenter --target "$first" --mount --pid --net -- $environment sh -euc "cd /root; $1"
}
# Says what apt says only when it fails.
quietly() {
  "$1" "$2 >/tmp/apt.log 2>&1 || { tail -n 40 /tmp/apt.log >&2; exit 1; }"
}
# Whether a line or a `command` stands in the guide.
says() {
  grep -qxF -- "$1" "$guide" || grep -qF -- "\`$1\`" "$guide" || { echo "the guide does not say: $1" >&2; exit 1; }
  echo "# $1"
}
# Such a line, run as it stands there.
printed() {
  says "$1"
  inside "$(echo "$1" | sed "s/_amd64/_$architecture/")"
}
# The block of the guide that has this text.
block() {
  awk -v want="$1" '/^```/ { if (open && found) { printf "%s", text; exit } open = !open; text = ""; found = 0; next }
    open { text = text $0 "\n"; if (index($0, want)) found = 1 }' "$guide" >"$scratch/block"
  [ -s "$scratch/block" ] || { echo "the guide has no block with: $1" >&2; exit 1; }
  cat "$scratch/block"
}
eventually() {
  tries=0
  until inside "$1" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ]; then
      echo "did not come true: $1" >&2
      inside "$1; tail -n 20 /var/log/planetlab-plc*.log" >&2 || inside 'tail -n 20 /var/log/planetlab-plc*.log' >&2
      exit 1
    fi
    sleep 0.5
  done
}
until online 'test -e /tmp/ready' 2>/dev/null; do kill -0 "$machine"; sleep 0.1; done

say 'installing the package, and nginx'
# what else apt installs is started below, without the host's network
online 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; apt-get update'
says 'apt install ./planetlab-plc_0.1.0_amd64.deb'
quietly online "apt install ./planetlab-plc_0.1.0_$architecture.deb"
quietly online 'apt install nginx-light'
online 'rm /usr/sbin/policy-rc.d'
inside '! /etc/init.d/planetlab-plc status'
inside '/etc/init.d/planetlab-plc start' | grep 'not configured yet'

say 'PostgreSQL and a mail server, with TLS under a root of their own'
inside '
  new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
  openssl req -x509 $new -days 9 -subj /CN=ca -keyout ca.key -out ca.crt 2>/dev/null
  for name in db mail; do
    openssl req $new -subj "/CN=$name.example.org" -addext "subjectAltName=DNS:$name.example.org" \
      -keyout "$name.key" -out "$name.csr" 2>/dev/null
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -copy_extensions copy \
      -out "$name.crt" 2>/dev/null
    cp ca.crt "/etc/planetlab/$name-ca.crt"
  done
  cluster=$(pg_lsclusters --no-header | { read -r version name rest; echo "$version $name"; })
  folder=/etc/postgresql/$(echo "$cluster" | tr " " /)
  install -o postgres -m 0600 db.key db.crt "$folder"
  pg_conftool $cluster set ssl_cert_file "$folder/db.crt"
  pg_conftool $cluster set ssl_key_file "$folder/db.key"
  pg_ctlcluster $cluster start
'
says 'runuser -u postgres -- createuser --pwprompt planetlab'
inside 'cd /; printf "PASSWORD\nPASSWORD\n" | setsid -w runuser -u postgres -- createuser --pwprompt planetlab >/dev/null 2>&1'
create_database='runuser -u postgres -- createdb --owner planetlab --encoding UTF8 --template template0 planetlab'
says "$create_database"
inside "cd /; $create_database"

say 'configuring two processes'
{
  block PLANETLAB_PLC_ADMIN_EMAIL
  block 'sslmode=verify-full'
  block PLANETLAB_PLC_SMTP_URL
  says "NODE_EXTRA_CA_CERTS='/etc/planetlab/mail-ca.crt'" | sed 's/^# //'
  echo "PLANETLAB_PLC_PUBLIC_URL='https://plc.example.org'"
  echo "PLANETLAB_PLC_NODE_ADDRESS='plc.example.org:8421,plc.example.org:8431'"
  echo "PLANETLAB_PLC_KEYS='/etc/planetlab/keys'"
} | inside 'cat >>/etc/planetlab/plc.conf'
folders() {
  printed 'install -d -o planetlab-plc -m 0700 /etc/planetlab/keys'
  printed 'install -d -o planetlab-plc -m 0711 /var/lib/planetlab/plc2'
}
folders
printed 'install -g planetlab-plc -m 0640 /dev/null /etc/planetlab/plc2.conf'
inside "$(block 's|:8420')"

say 'starting both'
printed 'update-rc.d planetlab-plc enable'
printed '/etc/init.d/planetlab-plc start'
eventually 'curl -sf http://127.0.0.1:8420/readyz'
# The guide has a second unit for it, which a machine without systemd cannot show.
second() {
  inside '(umask 077; : >>/var/log/planetlab-plc2.log); set -a; . /etc/planetlab/plc2.conf; set +a
    setsid setpriv --reuid=planetlab-plc --regid=planetlab-plc --init-groups \
      /usr/lib/planetlab-plc/node /usr/lib/planetlab-plc/main.js run </dev/null >>/var/log/planetlab-plc2.log 2>&1 &
    echo $! >/run/planetlab-plc2.pid'
  eventually 'curl -sf http://127.0.0.1:8430/readyz'
}
second

say 'nginx before them'
block 'upstream planetlab' >"$root/etc/nginx/sites-enabled/planetlab"
inside '
  rm -f /etc/nginx/sites-enabled/default
  mkdir -p /etc/letsencrypt/live/plc.example.org
  cd /etc/letsencrypt/live/plc.example.org
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=plc.example.org \
    -addext subjectAltName=DNS:plc.example.org -keyout privkey.pem -out fullchain.pem 2>/dev/null
  cp fullchain.pem /usr/local/share/ca-certificates/plc.crt
  update-ca-certificates >/dev/null 2>&1
  nginx -q
'
eventually 'curl -sf https://plc.example.org/readyz'
says 'cat /var/lib/planetlab/plc/bootstrap-admin.token'
inside 'umask 077; token=$(cat /var/lib/planetlab/plc/bootstrap-admin.token)
  printf "header = \"authorization: Bearer %s\"\nfail-with-body\nsilent\nshow-error\n" "$token" >curl'
api() {
  inside "curl -K curl -H 'content-type: application/json' -X $1 'https://plc.example.org/v1/$2' -d '$3'"
}

# A program of this repository, in the machine's network and with its hosts file.
beside() {
  exec nsenter --target "$first" --net -- unshare --mount sh -euc 'mount --bind "$1" /etc/hosts; shift; exec "$@"' sh \
    "$root/etc/hosts" "$node" "$@"
}

say 'a person signs up, by mail'
api POST sites '{"name":"demo","title":"Demo"}' >/dev/null
mkdir "$scratch/mails"
beside tests/machine/mail-server.ts "$root/root/mail.key" "$root/root/mail.crt" "$scratch/mails" 2>"$scratch/mail.log" &
mail=$!
eventually 'ss -Hltn sport = 587 | grep .'
api POST sign-ups '{"email":"ada@example.org","name":"Ada","site":"demo"}' >/dev/null
tries=0
until [ -s "$scratch/mails/ada@example.org" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 240 ] || { cat "$scratch/mail.log" >&2; inside 'curl -K curl https://plc.example.org/v1/mails' >&2; exit 1; }
  sleep 0.5
done
code=$(sed -n 's|.*https://plc.example.org/confirm#\([A-Za-z0-9_-]*\).*|\1|p' "$scratch/mails/ada@example.org")
api POST sign-ups/confirm "{\"code\":\"$code\",\"password\":\"correct horse battery\"}" >/dev/null
api POST role-requests/ada@example.org/demo/user/approve '{}' >/dev/null
api POST tokens/password '{"email":"ada@example.org","password":"correct horse battery","label":"walk"}' >/dev/null
echo 'ok: the mail has arrived, and the person signs in'

say 'a node with a slice'
api POST nodes '{"name":"n1","site":"demo"}' >/dev/null
api POST nodes/n1/join-tokens '{}' | sed 's/.*"token":"\([^"]*\)".*/\1/' >"$scratch/token"
mkdir -m 700 "$scratch/node"
printf '{"vmm":"simulated","imagesDir":"%s"}' "$scratch/images" >"$scratch/node/config.json"
(beside apps/node-manager/main.ts join - --state "$scratch/node" <"$scratch/token")
beside apps/node-manager/main.ts run --state "$scratch/node" >"$scratch/node.log" 2>&1 &
manager=$!
connected='curl -K curl https://plc.example.org/v1/nodes/n1 | grep "\"state\":\"connected\""'
running='curl -K curl "https://plc.example.org/v1/slivers?slice=demo_hello" | grep "\"state\":\"running\""'
eventually "$connected"
api POST slices '{"name":"demo_hello"}' >/dev/null
api POST slices/demo_hello/slivers '{"nodes":["n1"]}' >/dev/null
eventually "$running"
for port in 8420 8430; do
  eventually "curl -K curl http://127.0.0.1:$port/v1/slices/demo_hello/slivers/n1/usage"
  echo "ok: the process at $port reaches the node"
done

say 'monitoring'
inside 'curl -K curl https://plc.example.org/metrics' | grep -E '^planetlab_(processes|nodes_connected|build_info)'
inside 'curl -K curl https://plc.example.org/v1/discovery/prometheus' | grep '"n1"' >/dev/null
inside 'curl -K curl https://plc.example.org/v1/nodes/n1/metrics' | grep '^planetlab_node_up'
inside 'test -s /usr/share/doc/planetlab-plc/grafana/planetlab.json'

say 'upgrading in place, one after the other'
before=$(inside 'cat /run/planetlab-plc.pid')
says 'apt install ./planetlab-plc_0.1.0-2_amd64.deb'
quietly inside "apt install ./planetlab-plc_0.1.0-2_$architecture.deb"
eventually 'curl -sf http://127.0.0.1:8420/readyz'
[ "$(inside 'cat /run/planetlab-plc.pid')" != "$before" ]
inside 'dpkg-query --show planetlab-plc' | grep -F 0.1.0-2
eventually "$running"
inside 'kill "$(cat /run/planetlab-plc2.pid)"'
eventually '! curl -s http://127.0.0.1:8430/healthz'
inside 'curl -K curl https://plc.example.org/v1/slices/demo_hello' >/dev/null
echo 'ok: nginx skips the process that is stopped'
second
eventually "$connected"
eventually "$running"

say 'backing up'
printed 'openssl genpkey -algorithm X25519 -out backup.key'
printed 'openssl pkey -in backup.key -pubout -out /etc/planetlab/backup.pub'
printed 'install -d -o planetlab-plc -m 0700 /var/backups/planetlab-plc'
printed 'planetlab-plc backup --recipient-file /etc/planetlab/backup.pub --to /var/backups/planetlab-plc/plc-$(date +%F).backup'

say 'losing everything: both processes killed, the package purged, the database dropped'
inside '
  mkdir kept
  cp /etc/planetlab/*.conf /etc/planetlab/*-ca.crt kept/
  mv /var/backups/planetlab-plc/*.backup plc.backup
  kill -9 "$(cat /run/planetlab-plc2.pid)" "$(cat /run/planetlab-plc.pid)"
'
says 'apt purge planetlab-plc'
quietly inside 'apt purge planetlab-plc'
# what was made by hand is removed by hand
inside '
  rm -r /etc/planetlab /var/lib/planetlab/plc2 /var/backups/planetlab-plc
  rmdir /var/lib/planetlab
  rm /run/planetlab-plc2.pid /var/log/planetlab-plc2.log
  mv /etc/nginx/sites-enabled/planetlab kept/nginx
  cd /; runuser -u postgres -- dropdb planetlab
'
without_a_trace() {
  left=$(inside 'find / /run /tmp -xdev \( -path /root -o -path /proc -o -path /sys \) -prune -o -name "*planetlab*" -print
    getent passwd planetlab-plc || true; getent group planetlab-plc || true; dpkg-query --list "planetlab*" 2>/dev/null || true')
  [ -z "$left" ] || { echo "left after purge: $left" >&2; exit 1; }
  echo 'ok: the package is purged without a trace'
}
without_a_trace

say 'restoring it on the empty machine'
quietly inside "apt install ./planetlab-plc_0.1.0-2_$architecture.deb"
inside 'install -g planetlab-plc -m 0640 kept/*.conf /etc/planetlab/; cp kept/*-ca.crt /etc/planetlab/
  cp kept/nginx /etc/nginx/sites-enabled/planetlab'
folders
says "$create_database"
inside "cd /; $create_database"
printed 'install -o planetlab-plc -m 0400 backup.key /run/backup.key'
printed 'install -o planetlab-plc -m 0400 plc.backup /var/lib/planetlab/plc.backup'
restore='planetlab-plc restore --from /var/lib/planetlab/plc.backup --key-file /run/backup.key'
printed "$restore"
if inside "$restore" 2>/dev/null; then echo 'restored over what was there' >&2; exit 1; fi
printed 'rm /run/backup.key /var/lib/planetlab/plc.backup'
printed '/etc/init.d/planetlab-plc start'
eventually 'curl -sf http://127.0.0.1:8420/readyz'
second
eventually "$connected"
eventually "$running"
echo 'ok: the node has connected by itself, and its sliver runs'

say 'a certificate in the PLC itself'
inside 'kill "$(cat /run/planetlab-plc2.pid)"; nginx -q -s stop 2>/dev/null
  cp /etc/letsencrypt/live/plc.example.org/privkey.pem plc.key
  install -D -m 0444 /etc/letsencrypt/live/plc.example.org/fullchain.pem /etc/planetlab/tls/plc.crt'
printed 'install -D -o planetlab-plc -m 0400 plc.key /etc/planetlab/tls/plc.key'
block PLANETLAB_PLC_TLS_CERT | inside 'cat >>/etc/planetlab/plc.conf'
inside '/etc/init.d/planetlab-plc restart'
eventually 'curl -sf https://plc.example.org/readyz'
printed '/etc/init.d/planetlab-plc reload'
eventually "$connected"

say 'stopping in order, and removing'
says 'apt remove planetlab-plc'
quietly inside 'apt remove planetlab-plc'
inside 'test -s /etc/planetlab/keys/authority.key && test -s /etc/planetlab/plc.conf'
eventually '! curl -s https://plc.example.org/healthz'
inside 'pg_ctlcluster $(pg_lsclusters --no-header | cut -d " " -f 1) main stop'
