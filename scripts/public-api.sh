#!/usr/bin/env bash
# Writes Sdk/PublicAPI.Unshipped.txt anew from what the compiler finds to be public and PublicAPI.Shipped.txt does not hold.
# For use after a change of the public API, or after a merge that mixed two of them; the diff is what a review looks at.
#   scripts/public-api.sh          rewrites the file
#   scripts/public-api.sh --help   says this
# A member that was shipped and is gone needs a person's decision: add its line with *REMOVED* before it; such lines are kept.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' scripts/public-api.sh; exit 0 ;;
  *) fail "unknown option $1 (try --help)" ;;
esac
need_dotnet

unshipped=Sdk/PublicAPI.Unshipped.txt
work=$(mktemp -d)
cp "$unshipped" "$work/before"
finish() {
  [ -e "$work/done" ] || cp "$work/before" "$unshipped"
  rm -rf "$work"
}
trap finish EXIT

header() {
  echo '#nullable enable'
  grep '^\*REMOVED\*' "$work/before" || true
}

# With nothing declared, the analyzer (RS0016) names every public symbol in the form that the file has.
say "Compiling Sdk without declared API"
header >"$unshipped"
dotnet build Sdk/Sdk.csproj -c Release --nologo --artifacts-path "$work/build" \
  -p:TreatWarningsAsErrors=false >"$work/log" 2>&1 || { grep -E ': error ' "$work/log" | sort -u >&2; fail "Sdk does not compile"; }
sed -nE "s/^.*: warning RS0016: Symbol '(.*)' is not part of the declared public API .*$/\1/p" "$work/log" | LC_ALL=C sort -u >"$work/api"
[ -s "$work/api" ] || [ "$(wc -l <Sdk/PublicAPI.Shipped.txt)" -gt 1 ] || fail "no public symbol was reported; is the analyzer still referenced by Sdk.csproj?"

{ header; cat "$work/api"; } >"$unshipped"
touch "$work/done"
say "$unshipped: $(wc -l <"$work/api") public symbols; $(diff "$work/before" "$unshipped" | grep -c '^>') added, $(diff "$work/before" "$unshipped" | grep -c '^<') removed"
