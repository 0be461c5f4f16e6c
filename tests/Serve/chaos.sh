#!/usr/bin/env bash
# ./test.sh --chaos [MINUTES=2] [SEED] [--transport local|fabric]: router, prefill and decode engines as processes under load, while engines are
# killed, stopped and restarted, connections cut, requests aborted and the router killed and overrun, as the seed has it. Afterwards every answer has to be
# the monolithic engine's, every block free, every counter right. A short run of it is among the managed tests (tests/Serve.Tests).
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

need_packages g++ cmake ninja-build libfabric-dev libfabric1 util-linux
need_dotnet
build_native release OFF
build_managed tests/Serve/Serve.csproj
say "Chaos"
exec dotnet tests/Serve/bin/Release/net10.0/Serve.dll chaos "$@"
