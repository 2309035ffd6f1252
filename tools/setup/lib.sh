# Functions of tools/setup, for POSIX sh; the current folder is the repository's root.

# Root's own. A person's has no sbin, also after `su`, and may begin with folders that root should not run programs from.
system_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() {
  printf '%s\n' "planetlab: $*" >&2
}

is_root() {
  [ "$(id -u)" -eq 0 ]
}

# Whether sudo would work: without asking, or by asking a person at a terminal.
can_sudo() {
  command -v sudo >/dev/null 2>&1 || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

compile_cache() {
  # Without a home: not a folder that all may write to, because what is in it gets executed.
  printf '%s' "${XDG_CACHE_HOME:-${HOME:-$PWD/node_modules}/.cache}/planetlab/node"
}

# --- npm packages -----------------------------------------------------------------------------------------------------

ensure_npm_packages() {
  stamp=node_modules/.planetlab-lock
  wanted=$(cksum <package-lock.json)
  if [ -f "$stamp" ]; then
    [ "$(cat "$stamp")" = "$wanted" ] && return 0
  elif [ node_modules/.package-lock.json -nt package-lock.json ]; then
    # Installed by hand with npm since the lock was last written.
    printf '%s\n' "$wanted" >"$stamp"
    return 0
  fi
  say "installing npm packages (npm ci) ..."
  npm ci --no-fund --no-audit --loglevel=error >&2
  printf '%s\n' "$wanted" >"$stamp"
}

# Prints the Node.js to use: the one pinned in package.json; elsewhere than on Linux, the system's, if it is recent enough.
find_node() {
  if [ -x node_modules/.bin/node ]; then
    printf '%s' node_modules/.bin/node
    return 0
  fi
  if system_node=$(command -v node) && [ "$("$system_node" -p 'process.versions.node.split(".")[0]')" -ge 24 ]; then
    ln -sf "$system_node" node_modules/.bin/node
    printf '%s' node_modules/.bin/node
    return 0
  fi
  say "there is no Node.js 24 for $(uname -s) $(uname -m) among the npm packages, and none in the PATH: install Node.js 24 or newer"
  return 1
}

# --- distribution packages --------------------------------------------------------------------------------------------

# Packages that a command needs, one line each with what for.
packages_for() {
  sed -n "s/^$1[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p" tools/setup/packages.txt
}

missing_packages() {
  for package in "$@"; do
    # PostgreSQL may have come from elsewhere, under a versioned name: its server binary tells.
    if [ "$package" = postgresql ] && ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then continue; fi
    printf '%s\n' "$package"
  done | sort >"$scratch/wanted"
  # Exit status 1 only says that some are unknown.
  dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p' | sort >"$scratch/installed" || true
  comm -23 "$scratch/wanted" "$scratch/installed"
}

ensure_distribution_packages() {
  if [ "$(uname -s)" != Linux ]; then
    say "this is $(uname -s), not Linux: no packages are installed, and nodes are simulated"
    return 0
  fi
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    say "there is no apt here: install by hand what tools/setup/packages.txt lists; without it, nodes are simulated"
    return 0
  fi
  scratch=$(mktemp -d)
  # shellcheck disable=SC2046 # package names have no spaces
  missing=$(missing_packages $(packages_for all) $(packages_for "$1") | tr '\n' ' ')
  rm -rf "$scratch"
  [ -n "$missing" ] || return 0
  install_packages "$missing"
}

install_packages() {
  if is_root; then as_root=''; elif can_sudo; then as_root=sudo; else
    say "these packages of the distribution are missing, and without root or a usable sudo they cannot be installed: $1"
    return 0
  fi
  say "these packages of the distribution are needed and will be installed: $1"
  # shellcheck disable=SC2086 # nothing or one word, and a list of names
  $as_root sh tools/setup/install-packages.sh $1 >&2 || say "not all packages could be installed; going on without them"
}

# --- console ----------------------------------------------------------------------------------------------------------

# Builds the web console when its sources have changed since the last time. Fails, and says so, when it cannot be built.
ensure_console() {
  [ -f apps/console/vite.config.ts ] || return 0
  stamp=node_modules/.planetlab-console
  wanted=$(
    find apps/console packages/model/src packages/contract/src package-lock.json \
      \( -name node_modules -o -name dist -o -name '*.test.ts' \) -prune -o -type f -exec cksum {} + | sort | cksum
  )
  if [ -f apps/console/dist/index.html ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return 0; fi
  say "building the console ..."
  # Tests call this too, with a NODE_ENV of theirs, which would get into the pages.
  if (cd apps/console && NODE_ENV=production ../../node_modules/.bin/node ../../node_modules/vite/bin/vite.js build --logLevel warn >&2); then
    printf '%s\n' "$wanted" >"$stamp"
  else
    say "the console could not be built"
    return 1
  fi
}

# --- running ----------------------------------------------------------------------------------------------------------

# Replaces this process. Real containers need root; without it the lab simulates, and says so itself.
run_as_root_if_possible() {
  if is_root || [ "$(uname -s)" != Linux ] || ! can_sudo; then
    exec env NODE_COMPILE_CACHE="$(compile_cache)" "$@"
  fi
  exec sudo -H env "PATH=$system_path" "TERM=${TERM:-dumb}" "CI=${CI:-}" NODE_COMPILE_CACHE=/var/cache/planetlab/node "$@"
}
