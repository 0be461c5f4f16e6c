#!/usr/bin/env bash
# The main job: a prefill engine and a decode engine as two processes, one KV cache moved between them, real tokens.
# Installs what is missing, builds, runs, and fails if the tokens differ from those of one monolithic engine.
#   ./demo.sh [--transport local|fabric|loopback] [--prompt "…"] [--requests N] [--json] [--help]
#   ./demo.sh --serve [--prefill N] [--decode N] [--tp 1|2|4] [--listen ADDRESS:PORT] [--transport local|fabric]
#       [--placement auto|remote|local] [--help]
#       router and engines as processes, until Ctrl-C; prints the address of the live page
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

need_packages g++ cmake ninja-build libfabric-dev libfabric1
need_dotnet
build_native release OFF
build_managed samples/Disaggregated/Disaggregated.csproj
command=demo
if [ "${1:-}" = --serve ]; then command=serve; shift; fi
say "Running the engines"
exec dotnet samples/Disaggregated/bin/Release/net10.0/Disaggregated.dll $command "$@"
