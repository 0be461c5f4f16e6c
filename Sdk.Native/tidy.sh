#!/bin/sh
# clang-tidy over the library's sources, or over those whose path matches the pattern given: tidy.sh [src/(core|abi)/.*]
# Has a build folder of its own, because the presets compile unity files, in which clang-tidy would find none of ours.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pattern="$here/${1:-src/.*}"
build="$here/build/tidy"
cmake -S "$here" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=OFF -DNIXL_TESTS=OFF > /dev/null
files=$(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$build/compile_commands.json" | grep -cE "^$pattern" || true)
if [ "$files" -eq 0 ]; then
    echo "no source file matches $pattern"
    exit 1
fi
echo "clang-tidy: $files files"
cd "$here"
# -Wno-restrict is for GCC; clang does not know it.
run-clang-tidy -quiet -extra-arg=-Wno-unknown-warning-option -p "$build" "^$pattern"
