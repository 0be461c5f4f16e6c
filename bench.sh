#!/usr/bin/env bash
# Measures. Prints one line `figure NAME VALUE UNIT` per figure, then a table with targets and references.
#   ./bench.sh [--quick] [--check] [--list] [--retries N] [--help] [name…]     without a name: all benchmarks
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

need_packages g++ cmake ninja-build libfabric-dev libfabric1
need_dotnet
build_native release OFF
build_managed tests/Bench/Bench.csproj
say "Measuring"
exec dotnet tests/Bench/bin/Release/net10.0/Bench.dll "$@"
