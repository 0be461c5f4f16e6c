#!/usr/bin/env bash
# Builds and runs every test: the native core three times (plain, AddressSanitizer with UndefinedBehaviorSanitizer,
# ThreadSanitizer), its static checks, and all managed tests. Closes with one line: N passed, N failed.
#   ./test.sh            everything
#   ./test.sh --native   the native core only
#   ./test.sh --managed  the managed tests only
#   ./test.sh --soak MINUTES [SEED]  everything mixed at random, all repetitions, and libFuzzer on the decoders
#   ./test.sh --chaos [MINUTES] [SEED]  the serving engines under load while they are killed, stopped, cut off (2 minutes)
#   ./test.sh --lab      the fabric transport, its faults and the demo's engines over real ibverbs (Soft-RoCE in a virtual
#                        machine; --lab --help says more)
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

native=1 managed=1
case "${1:-}" in
  "") ;;
  --native) managed=0 ;;
  --managed) native=0 ;;
  --soak) exec tests/soak/soak.sh "${@:2}" ;;
  --chaos) exec tests/Serve/chaos.sh "${@:2}" ;;
  --lab) exec tests/lab/lab.sh "${@:2}" ;;
  -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) fail "unknown option $1 (try --help)" ;;
esac

# g++ and binutils are also what NativeAOT links with (tests/Aot); it needs no further -dev packages.
need_packages g++ cmake ninja-build libgtest-dev libfabric-dev libfabric1 binutils clang-tidy clang-format iproute2 util-linux
[ $managed = 0 ] || need_packages chromium # the live page's tests
need_dotnet

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0

# step NAME COMMAND… : a check that counts as one test.
step() {
  local name=$1; shift
  if "$@" >"$logs/step" 2>&1; then passed=$((passed + 1)); say "$name: ok"
  else failed=$((failed + 1)); cat "$logs/step"; say "$name: FAILED"; fi
}

# run_ctest PRESET [ctest's options…]
run_ctest() {
  say "Native tests ($1)"
  local log=$logs/ctest-$1
  (cd Sdk.Native && ctest --preset "$1" -j 2 --output-on-failure --no-tests=error --timeout 120 "${@:2}") 2>&1 | tee "$log" | grep -vE '^ *(Start|[0-9]+/[0-9]+ Test.* Passed )' || true
  local total bad skip
  total=$(sed -nE 's/^.*tests passed, ([0-9]+) tests? failed out of ([0-9]+).*$/\2/p' "$log" | tail -1)
  bad=$(sed -nE 's/^.*tests passed, ([0-9]+) tests? failed out of ([0-9]+).*$/\1/p' "$log" | tail -1)
  skip=$(grep -cE '\*\*\*Skipped' "$log" || true)
  if [ -z "$total" ]; then failed=$((failed + 1)); say "ctest ($1) did not finish"; return; fi
  passed=$((passed + total - bad - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# Managed test projects run one after the other: several start processes of their own and measure allocations.
# run_dotnet_test PROJECT [dotnet test's options…]
run_dotnet_test() {
  say "Managed tests ($*)"
  local log=$logs/$(basename "$1")
  dotnet test "$@" -c Release --no-build --nologo --blame-hang-timeout 3min 2>&1 | tee "$log" || true
  local line
  line=$(grep -E '^(Passed|Failed|Skipped)! +- Failed:' "$log" | tail -1)
  if [ -z "$line" ]; then failed=$((failed + 1)); say "$1 did not finish"; return; fi
  failed=$((failed + $(sed -E 's/.*Failed: +([0-9]+).*/\1/' <<<"$line")))
  passed=$((passed + $(sed -E 's/.*Passed: +([0-9]+).*/\1/' <<<"$line")))
  skipped=$((skipped + $(sed -E 's/.*Skipped: +([0-9]+).*/\1/' <<<"$line")))
}

build_native release
if [ $native = 1 ]; then
  step "Native format" scripts/check-format.sh
  run_ctest release
  build_native asan
  run_ctest asan
  build_native tsan
  run_ctest tsan
  step "Native static checks (clang-tidy)" cmake --build Sdk.Native/build/release --target tidy
fi

if [ $managed = 1 ]; then
  build_managed Sdk.sln
  for project in tests/*/*.Tests.csproj; do run_dotnet_test "$project"; done
  # Once more where bytes move, over loopback with EFA's rules.
  NIXL_LOOPBACK_FAULTS=efa,rails=3,seed=7,kill_after=150,operation=1500 run_dotnet_test tests/Sdk.Tests/Sdk.Tests.csproj \
    --filter 'FullyQualifiedName~MoveTests|FullyQualifiedName~PoolTransferTests|FullyQualifiedName~NotificationTests'
  step "Benchmarks run" dotnet tests/Bench/bin/Release/net10.0/Bench.dll --quick --retries 0 generator post prepare local.bulk
fi

[ $skipped = 0 ] && printf '%d passed, %d failed\n' "$passed" "$failed" || printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
