#!/usr/bin/env bash
# Measures. Prints one line `figure NAME VALUE UNIT` per figure, then a table with the targets.
#   ./bench.sh [--quick] [--help] [name…]     without a name: all benchmarks
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

need_dotnet
build_managed tests/Bench/Bench.csproj
say "Measuring"
exec dotnet tests/Bench/bin/Release/net10.0/Bench.dll "$@"
