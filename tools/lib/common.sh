# What tools/up and tools/test share: what they install, and how they tell what they are doing.
# Sourced, never run. Expects `root` (the project's folder) to be set.

program=${0##*/}

# Debian's names; on another system they name what is needed, and the build tells what is missing.
build_packages=(
  g++ cmake ninja-build pkg-config ccache mold
  libzmq3-dev cppzmq-dev libmsgpack-cxx-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev
  libboost-log-dev libboost-thread-dev libboost-filesystem-dev libcurl4-openssl-dev libgtest-dev
  libmimalloc-dev
)
test_packages=(
  clang-format help2man libbenchmark-dev libnats-dev openssl python3 python3-zmq python3-msgpack
  valgrind
)
clang_packages=(clang clang-tidy libclang-rt-dev llvm)  # llvm: names in what a sanitizer tells

say() { printf 'tools/%s: %s\n' "$program" "$*"; }
fail() {
  printf 'tools/%s: %s\n' "$program" "$*" >&2
  exit 1
}

elapsed() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

# step WHAT COMMAND...: says what it does and how long that took; ends the program where it fails.
step() {
  local what=$1 began=$SECONDS
  shift
  printf '\n== %s  %s\n' "$(elapsed)" "$what"
  "$@" || fail "FAILED: $what"
  printf '== %s  %s: done in %d s\n' "$(elapsed)" "$what" $((SECONDS - began))
}

is_debian() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# What of these packages is not installed, one a line.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
    sed -n 's/^\([^ :]*\)[^ ]* installed$/\1/p' || true)
  printf '%s\n' "$@" | grep -vxF "$installed" || true
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif [[ -t 0 ]]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt_install() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update </dev/null &&
    as_root "${apt[@]}" install -y --no-install-recommends "$@" </dev/null
}

# install_packages PACKAGE...: installs what is missing; where it can't, names it and goes on only
# where it may be there under another name.
install_packages() {
  local missing
  if ! is_debian; then
    say "not a Debian system: this needs what Debian calls"
    say "  $*"
    say "going on with what is there"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    fail "needs root once, for: apt-get install ${missing[*]}"
  fi
  step "installing ${missing[*]}" apt_install "${missing[@]}"
}

# configure PRESET [CMAKE ARGUMENT...]: cheap where nothing has changed; says something only where
# it fails.
configure() {
  local said
  said=$(cd "$root" && cmake --preset "$@" 2>&1) || {
    printf '%s\n' "$said" >&2
    return 1
  }
}

runner=()  # what builds and tests are run by; empty: nothing

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  (cd "$root" && "${runner[@]}" cmake --build --preset "$preset" --parallel "$(nproc)" \
    ${1:+--target "$@"})
}
