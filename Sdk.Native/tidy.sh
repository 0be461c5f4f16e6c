#!/bin/sh
# clang-tidy over the library's sources: tidy.sh BUILD-FOLDER [pattern]. Fails if nothing matches, so that a change of
# the build (unity files, other folders) cannot turn the check into one that looks at nothing.
set -eu
build=$1
pattern=${2:-/src/}
files=$(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$build/compile_commands.json" | grep -cE "$pattern" || true)
if [ "$files" -eq 0 ]; then
    echo "no file of $build/compile_commands.json matches $pattern"
    exit 1
fi
echo "clang-tidy: $files files (unity files hold a folder each)"
cd "$(dirname "$0")"
# -Wno-restrict is for GCC; clang does not know it.
run-clang-tidy -quiet -extra-arg=-Wno-unknown-warning-option -p "$build" "$pattern"
