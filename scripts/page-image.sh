#!/usr/bin/env bash
# Makes docs/images/page.png: the live page in Chromium, with real engines at work.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages g++ cmake ninja-build libfabric-dev libfabric1 chromium
need_dotnet
build_native release OFF
build_managed tests/Engine.Tests/Engine.Tests.csproj
mkdir -p docs/images
NIXL_PAGE_IMAGE=$PWD/docs/images/page.png dotnet test tests/Engine.Tests/Engine.Tests.csproj -c Release --no-build --nologo --filter FullyQualifiedName~PageImage
