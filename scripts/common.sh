# Shared by demo.sh and test.sh: say what is done, install what is missing, build. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDTERMINALLOGGER=off

# What is said goes to stderr, so that a program's own stdout stays clean (demo.sh --json).
say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_packages NAME… : installs those Debian packages that are missing; silent and offline when none is.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || fail "missing packages: ${missing[*]} (this is not Debian: install their equivalents)"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages: ${missing[*]}; run as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

need_dotnet() {
  command -v dotnet >/dev/null || fail "the .NET 10 SDK is not on the PATH: https://learn.microsoft.com/dotnet/core/install/linux-debian"
  dotnet --version >/dev/null || fail "no .NET SDK fits global.json"
}

# build_native PRESET [ON|OFF] : release, asan or tsan; with or without its tests (which need GoogleTest).
build_native() {
  say "Building the native core ($1)"
  (cd Sdk.Native && cmake --preset "$1" -DNIXL_TESTS="${2:-ON}" >/dev/null && cmake --build --preset "$1" -- --quiet) >&2
}

# build_managed PROJECT… : Release.
build_managed() {
  local project
  for project in "$@"; do
    say "Building ${project}"
    dotnet build "$project" -c Release -v quiet --nologo >&2
  done
}
