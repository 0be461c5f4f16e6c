#!/usr/bin/env bash
# Fails if a native source file is not formatted as .clang-format says.
cd "$(dirname "$0")/.." && git ls-files 'Sdk.Native/*.cpp' 'Sdk.Native/*.hpp' 'Sdk.Native/bench/*.[ch]' | xargs clang-format --dry-run --Werror
