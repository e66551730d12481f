#!/usr/bin/env bash
# Provides what the tests and the demo run besides Go: a Temporal server, Redis,
# Prometheus with its promtool, and for clients in other languages Node, npm packages
# and Chromium. What is installed is used as it is; the rest is put into .cache/ of
# this repository. It starts no service, needs no root, and running it again costs a
# second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p .cache/bin
cache=$(cd .cache && pwd -P)
bin=$cache/bin
packages=$cache/pkg # downloaded packages, unpacked as if this were /

main() {
  need_program redis-server RAMPART_REDIS_SERVER
  need_program prometheus RAMPART_PROMETHEUS
  need_program promtool RAMPART_PROMTOOL
  need_npm_packages
  need_node
  need_chromium
  need_temporal
}

# need_program NAME VARIABLE finds a program, or brings the package that has it.
need_program() {
  local name=$1
  if find_program "$@"; then
    return
  elif command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    say "$name: downloading the system's package into .cache/pkg (less than a minute) ..."
    unpack_package "$(package_of "$name")" || give_up "$name"
  elif command -v brew >/dev/null; then
    say "$name: installing it with brew (about a minute) ..."
    brew install --quiet "$(brew_formula "$name")" || give_up "$name"
  fi
  find_program "$@" || give_up "$name"
}

# need_temporal builds the development server unless the official one is there.
need_temporal() {
  if find_program temporal RAMPART_TEMPORAL; then
    return
  fi
  [ -x "$bin/temporal-devserver" ] ||
    say "temporal: building deploy/devserver (first time about 3 minutes on two cores, and 230 MB to download) ..."
  (cd deploy/devserver && GOWORK=off go build -ldflags '-s -w' -o "$bin/temporal-devserver" .)
  say "temporal: $bin/temporal-devserver"
}

# need_npm_packages brings what acceptance/web/package-lock.json pins. npm is not
# needed for it.
need_npm_packages() {
  cmp -s acceptance/web/package-lock.json "$cache/npm/package-lock.json" ||
    say "npm packages: downloading what acceptance/web/package-lock.json pins, Node among them (70 MB) ..."
  (cd acceptance/web && GOWORK=off go run ./install --into "$cache/npm") || {
    echo "deps: the npm packages could not be brought" >&2
    echo "    hint: the registry is npm's unless npm_config_registry or ~/.npmrc names another; run \"make deps\" again" >&2
    exit 1
  }
  say "npm packages: $cache/npm"
}

# need_node leaves .cache/bin/node: the one that the lock pins, because what systems
# have is often too old for these packages; where it pins none for this machine, what
# the system has.
need_node() {
  local node
  check_named RAMPART_NODE
  node=$(command -v "${RAMPART_NODE:-}" "$cache"/npm/node_modules/node-*/bin/node node | head -n 1)
  [ -n "$node" ] || give_up node
  launch_as node "$node"
  "$bin/node" -e 'process.exit(Number(parseInt(process.versions.node) < 22))' || give_up "node 22"
  say "node: $node"
}

# need_chromium leaves .cache/bin/chromium: any browser of that family.
need_chromium() {
  local found
  check_named RAMPART_CHROMIUM
  if ! found=$(find_browser) && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    say "chromium: downloading the system's package into .cache/pkg (100 MB, about a minute) ..."
    unpack_package chromium-headless-shell || give_up chromium
  elif [ -z "$found" ] && command -v brew >/dev/null; then
    say "chromium: installing Google Chrome with brew (about a minute) ..."
    brew install --quiet --cask google-chrome || give_up chromium
  fi
  found=$(find_browser) || give_up chromium
  launch_as chromium "$found"
  say "chromium: $found"
}

find_browser() {
  local name
  for name in "${RAMPART_CHROMIUM:-}" chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "$bin/chromium-headless-shell"; do
    command -v "$name" && return
  done
  return 1
}

# launch_as makes .cache/bin/NAME run a program that is elsewhere.
launch_as() {
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

# check_named refuses a VARIABLE that names what cannot be run: whoever set it meant it.
check_named() {
  [ -z "${!1:-}" ] || command -v "${!1}" >/dev/null || {
    echo "deps: $1=${!1} cannot be run" >&2
    echo "    hint: correct it, or unset it" >&2
    exit 1
  }
}

# find_program looks where the tests look: VARIABLE, PATH, .cache/bin.
find_program() {
  local name=$1 variable=$2 found
  check_named "$variable"
  if [ -n "${!variable:-}" ]; then
    found=$(command -v "${!variable}")
  elif ! found=$(command -v "$name"); then
    found=$bin/$name
    [ -x "$found" ] && "$found" --version >/dev/null 2>&1 || return 1
  fi
  say "$name: $found"
}

# unpack_package downloads NAME and all packages it needs that are not installed,
# unpacks them below .cache/pkg and wraps their programs.
unpack_package() {
  local name=$1 archive
  download "$name" 2>/dev/null || {
    say "the system's package lists are missing or old: fetching fresh ones into .cache/apt ..."
    use_own_package_lists && download "$name" || return 1
  }
  for archive in "$cache"/apt/debs/*.deb; do
    dpkg -x "$archive" "$packages" || return 1
  done
  rm -rf "$cache/apt/debs"
  mend_links
  case $name in
    redis-server) wrap redis-server && wrap redis-cli ;;
    prometheus) wrap prometheus && wrap promtool ;;
    chromium-headless-shell) wrap chromium-headless-shell usr/lib/chromium/chromium-headless-shell ;;
  esac
}

# download asks apt what installing NAME would install, and downloads just that.
# Packages that only run scripts at installation carry nothing to unpack.
download() {
  local wanted
  wanted=$(apt install --simulate --no-install-recommends "$1" | awk '/^Inst / {print $2}' |
    grep -vxE 'adduser|lsb-base|sysvinit-utils|init-system-helpers') || return 1
  mkdir -p "$cache/apt/debs"
  # shellcheck disable=SC2086 # one word a package
  (cd "$cache/apt/debs" && apt download $wanted)
}

# apt is apt-get, but where root runs it, it keeps root's rights: the user to
# whom it would change need not be able to write here.
apt_options=(-qq -o APT::Sandbox::User=root)
apt() { LC_ALL=C apt-get "${apt_options[@]}" "$@"; }

use_own_package_lists() {
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  apt_options+=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt")
  apt update
}

# mend_links makes absolute links between unpacked files stay among them.
mend_links() {
  local link target
  find "$packages" -type l -lname '/*' | while read -r link; do
    target=$packages$(readlink "$link")
    if [ -e "$target" ] || [ -L "$target" ]; then
      ln -sfn "$target" "$link"
    fi
  done
}

# wrap writes .cache/bin/NAME, which runs the unpacked program with the unpacked
# libraries. exec keeps the process id, so signals reach the program itself.
wrap() {
  local name=$1 program=$packages/${2:-usr/bin/$1} libraries pages=""
  [ -x "$program" ] || return 1
  libraries=$(find "$packages" -name '*.so*' -exec dirname {} \; | sort -u | paste -sd: -)
  # Debian's Prometheus reads the pages that it serves from disk.
  if [ "$name" = prometheus ] && [ -d "$packages/usr/share/prometheus/web" ]; then
    pages="--web.local-assets='$packages/usr/share/prometheus/web'"
  fi
  cat >"$bin/$name" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH='$libraries'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_SYSROOT='$packages'
exec '$program' $pages "\$@"
WRAPPER
  chmod +x "$bin/$name"
}

package_of() {
  case $1 in promtool) echo prometheus ;; *) echo "$1" ;; esac
}

brew_formula() {
  case $1 in redis-server) echo redis ;; *) package_of "$1" ;; esac
}

give_up() {
  cat >&2 <<MESSAGE
deps: $1 was not found and could not be brought here
    hint: install it, then run "make deps" again; for example
      sudo apt-get install --no-install-recommends redis-server prometheus chromium
      sudo snap install chromium       # on Ubuntu, whose package is a snap
      sudo dnf install redis golang-github-prometheus chromium
      brew install redis prometheus node && brew install --cask google-chrome
    or name the programs in RAMPART_REDIS_SERVER, RAMPART_PROMETHEUS, RAMPART_PROMTOOL,
    RAMPART_CHROMIUM and RAMPART_NODE (22 or later)
MESSAGE
  exit 1
}

say() { printf 'deps: %s\n' "$*"; }

main
