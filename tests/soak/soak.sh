#!/usr/bin/env bash
# ./test.sh --soak MINUTES [SEED]: the long run.
#   1. the fault, model and corpus tests with all their repetitions; NIXL_TEST_LONG=0 ./test.sh … runs the usual ones
#   2. libFuzzer on every decoder of foreign bytes, 60 s each, from the kept corpus; FUZZ_SECONDS=10 ./test.sh … shortens it
#   3. everything mixed at random from the seed for MINUTES, every byte compared
# A round that failed can be played again alone: Sdk.Native/build/release/tests/soak/nixl_soak 1 SEED LANE ROUND
# Closes with one line and fails if anything did.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

[[ "${1:-}" =~ ^[0-9]+(\.[0-9]+)?$ ]] || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
minutes=$1
seed=${2:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
failed=()

need_packages g++ cmake ninja-build libgtest-dev libfabric-dev libfabric1 clang-14 libclang-rt-14-dev iproute2 util-linux
say "Soak of $minutes minutes with seed $seed"
build_native release

say "Faults, models and corpus (NIXL_TEST_LONG=${NIXL_TEST_LONG:-1})"
(cd Sdk.Native && NIXL_TEST_LONG=${NIXL_TEST_LONG:-1} ctest --preset release -L 'faults|models|fuzz' -j 2 --output-on-failure --no-tests=error \
  --timeout 900 | grep -vE '^ *(Start|[0-9]+/[0-9]+ Test.* Passed )') || failed+=("tests with all repetitions")

say "libFuzzer, ${FUZZ_SECONDS:-60} s on each decoder"
(cd Sdk.Native && cmake --preset fuzz >/dev/null && cmake --build --preset fuzz -- --quiet) >&2
fuzz=Sdk.Native/build/fuzz/tests/fuzz
for corpus in Sdk.Native/tests/fuzz/corpus/*/; do
  target=$(basename "$corpus")
  found=$fuzz/found/$target
  mkdir -p "$found"
  # What is found new stays in build/; the kept corpus grows by hand: NIXL_FUZZ_TARGET=… nixl_fuzz -merge=1 corpus/… found/…
  if NIXL_FUZZ_TARGET="$target" "$fuzz/nixl_fuzz" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=16384 -rss_limit_mb=1024 \
    -timeout=10 -print_final_stats=1 -artifact_prefix="$found/../$target-" "$found" "$corpus" >"$found.log" 2>&1; then
    say "$target: $(sed -nE 's/^stat::number_of_executed_units: *//p' "$found.log") inputs, nothing found"
  else
    tail -30 "$found.log" >&2
    failed+=("decoder $target")
  fi
done

say "Soak: $minutes minutes, seed $seed"
Sdk.Native/build/release/tests/soak/nixl_soak "$minutes" "$seed" || failed+=("soak with seed $seed")

[ ${#failed[@]} = 0 ] && echo "soak passed: $minutes minutes, seed $seed" && exit 0
printf 'soak FAILED: %s\n' "${failed[@]}"
exit 1
