#!/usr/bin/env bash
# Provides what the tests and the demo run besides Go: a Temporal server, Redis
# and Prometheus. What is installed is used as it is; the rest is put into
# .cache/ of this repository. It starts no service, needs no root, and running
# it again costs a moment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=$PWD/.cache
bin=$cache/bin
packages=$cache/pkg # downloaded packages, unpacked as if this were /

main() {
  mkdir -p "$bin"
  need_program redis-server "${RAMPART_REDIS_SERVER:-}"
  need_program prometheus "${RAMPART_PROMETHEUS:-}"
  need_temporal
}

# need_program finds NAME, or brings the package of the same name.
need_program() {
  local name=$1 override=$2 found
  if found=$(find_program "$name" "$override"); then
    say "$name: $found"
  elif command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    say "$name: downloading the system's package into .cache/pkg (less than a minute) ..."
    unpack_package "$name" || give_up "$name"
    say "$name: $(find_program "$name" "")"
  elif command -v brew >/dev/null; then
    say "$name: installing it with brew (about a minute) ..."
    brew install --quiet "$(brew_formula "$name")" || give_up "$name"
  else
    give_up "$name"
  fi
}

# find_program looks where the tests look: the environment, PATH, .cache/bin.
find_program() {
  local name=$1 override=$2
  if [ -n "$override" ]; then
    command -v "$override"
  else
    command -v "$name" || { [ -x "$bin/$name" ] && "$bin/$name" --version >/dev/null 2>&1 && echo "$bin/$name"; }
  fi
}

# unpack_package downloads NAME with all packages it needs that are not
# installed, unpacks them below .cache/pkg and wraps their programs.
unpack_package() {
  local name=$1 wanted
  wanted=$(packages_to_unpack "$name") && download "$wanted" || {
    say "the system's package lists are missing or old: fetching fresh ones into .cache/apt ..."
    use_own_package_lists
    wanted=$(packages_to_unpack "$name") && download "$wanted" || return 1
  }
  local archive
  for archive in "$cache"/apt/debs/*.deb; do
    dpkg -x "$archive" "$packages"
  done
  rm -rf "$cache/apt/debs"
  mend_links
  case $name in
    redis-server) wrap redis-server && wrap redis-cli ;;
    prometheus) wrap prometheus && wrap promtool ;;
  esac
}

# apt is apt-get without its habit of giving up root for downloads: the user it
# changes to may not read this directory.
apt_options=(-qq -o APT::Sandbox::User=)
apt() { LC_ALL=C apt-get "${apt_options[@]}" "$@"; }

# packages_to_unpack asks apt what installing NAME would install. Packages that
# only run scripts at installation carry nothing that a wrapped program needs.
packages_to_unpack() {
  apt install --simulate --no-install-recommends "$1" | awk '/^Inst / {print $2}' |
    grep -vxE 'adduser|lsb-base|sysvinit-utils|init-system-helpers'
}

download() {
  mkdir -p "$cache/apt/debs"
  # shellcheck disable=SC2086 # one word a package
  (cd "$cache/apt/debs" && apt download $1)
}

use_own_package_lists() {
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  apt_options+=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt")
  apt update
}

# mend_links makes links to absolute places point into the unpacked tree.
mend_links() {
  local link target
  find "$packages" -type l -lname '/*' | while read -r link; do
    target=$(readlink "$link")
    case $target in "$packages"/*) continue ;; esac
    ln -sfn "$packages$target" "$link"
  done
}

# wrap writes .cache/bin/NAME, which runs the unpacked program with the unpacked
# libraries. exec keeps the process id, so signals reach the program itself.
wrap() {
  local name=$1 program=$packages/usr/bin/$1 libraries assets=""
  [ -x "$program" ] || return 1
  libraries=$(find "$packages" -name '*.so*' -exec dirname {} \; | sort -u | paste -sd: -)
  # Debian's Prometheus reads its pages from disk.
  if [ "$name" = prometheus ] && [ -d "$packages/usr/share/prometheus/web" ]; then
    assets="--web.local-assets='$packages/usr/share/prometheus/web'"
  fi
  cat >"$bin/$name" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH='$libraries'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec '$program' $assets "\$@"
WRAPPER
  chmod +x "$bin/$name"
  "$bin/$name" --version >/dev/null
}

# need_temporal builds the development server unless the official one is there.
need_temporal() {
  local found
  if found=$(find_program temporal "${RAMPART_TEMPORAL:-}"); then
    say "temporal: $found"
    return
  fi
  [ -x "$bin/temporal-devserver" ] ||
    say "temporal: building deploy/devserver (first time about 3 minutes on two cores, and 300 MB of modules) ..."
  (cd deploy/devserver && GOWORK=off go build -ldflags "-s -w" -o "$bin/temporal-devserver" .)
  say "temporal: $bin/temporal-devserver"
}

brew_formula() {
  case $1 in redis-server) echo redis ;; *) echo "$1" ;; esac
}

give_up() {
  local name=$1
  cat >&2 <<MESSAGE
deps: $name was not found and could not be brought here.
    hint: install it and run "make deps" again, for example
      sudo apt-get install --no-install-recommends redis-server prometheus
      sudo dnf install redis golang-github-prometheus
      brew install redis prometheus
    or set RAMPART_REDIS_SERVER, RAMPART_PROMETHEUS to the programs.
MESSAGE
  exit 1
}

say() { printf 'deps: %s\n' "$*"; }

main
