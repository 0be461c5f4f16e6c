#!/usr/bin/env bash
# The main job: a prefill engine and a decode engine as two processes, one KV cache moved between them, real tokens.
# Installs what is missing, builds, runs, and fails if the tokens differ from those of one monolithic engine.
#   ./demo.sh [--transport local|fabric|loopback] [--prompt "…"] [--requests N] [--json] [--help]
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

need_packages g++ cmake ninja-build libfabric-dev libfabric1
need_dotnet
build_native release OFF
build_managed samples/Disaggregated/Disaggregated.csproj
say "Running the engines"
exec dotnet samples/Disaggregated/bin/Release/net10.0/Disaggregated.dll demo "$@"
