#!/bin/sh
# Installs the named packages, as root, without letting them start anything on this machine: neither a system-wide
# PostgreSQL cluster nor a system-wide sshd. What it puts in place for that time it takes away again.
set -eu

policy=/usr/sbin/policy-rc.d
policy_mark='made by planetlab for the time of an installation'
cluster_directory=/etc/postgresql-common/createcluster.d
cluster_rule=$cluster_directory/planetlab.conf

restore() {
  rm -f "$cluster_rule"
  # The folder belongs to the package, if that was installed at all.
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    rmdir "$cluster_directory" /etc/postgresql-common 2>/dev/null || true
  if grep -q "$policy_mark" "$policy" 2>/dev/null; then rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$cluster_directory"
printf '%s\n' 'create_main_cluster = false' >"$cluster_rule"
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt_get() {
  apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -q "$@"
}

apt_get update || echo 'planetlab: the package lists could not be updated; trying with those that are here' >&2

# A distribution may lack one (Ubuntu has Chromium only as a snap): that must not keep the others away.
available=
for package in "$@"; do
  if apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]'; then
    available="$available $package"
  else
    echo "planetlab: this distribution has no package $package; what needs it will be left out" >&2
  fi
done
# shellcheck disable=SC2086 # a list of names
[ -z "$available" ] || apt_get install --yes --no-install-recommends $available

# The policy kept sshd from starting now; this keeps it from starting at the next boot. Nodes run their own.
case " $available " in
  *' openssh-server '*)
    if command -v systemctl >/dev/null 2>&1; then
      systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true
    else
      update-rc.d ssh disable >/dev/null 2>&1 || true
    fi
    echo 'planetlab: openssh-server is installed but not enabled; "systemctl enable --now ssh" does that if you want it' >&2
    ;;
esac

# Only measurements use these, and run them privately: no daemon, and no bridge, at the next boot.
disable_units() {
  if command -v systemctl >/dev/null 2>&1; then systemctl disable "$@" >/dev/null 2>&1 || true; fi
}
case " $available " in
  *' podman '*) disable_units podman.socket podman.service podman-restart.service podman-auto-update.service podman-auto-update.timer ;;
esac
case " $available " in
  *' lxc '*)
    disable_units lxc.service lxc-net.service lxc-monitord.service
    for script in lxc lxc-net; do update-rc.d "$script" disable >/dev/null 2>&1 || true; done
    ;;
esac
