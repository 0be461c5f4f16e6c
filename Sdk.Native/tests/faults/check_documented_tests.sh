#!/bin/sh
# Usage: check_documented_tests.sh PROGRAM DOCUMENT
# Every test that the document names (`suite.test`, `suite.*`, `suite.beginning_…`) is one of the program's.
set -eu
there=$("$1" --gtest_list_tests | awk '
    /^[^ ].*\.$/ || /^[^ ].*\.  *#/ { suite = $1; sub(/^.*\//, "", suite); next }
    /^  / { test = $1; sub(/\/.*/, "", test); print suite test }')
named=$(grep -oE '`[a-z_]+\.([a-z_0-9]+…?|\*)`' "$2" | tr -d '`' | sort -u)
[ -n "$there" ] && [ -n "$named" ]
status=0
for name in $named; do
    case $name in
        *…) pattern="^${name%…}" ;;
        *'*') pattern="^${name%\*}" ;;
        *) pattern="^$name\$" ;;
    esac
    if ! printf '%s\n' "$there" | grep -q "$pattern"; then
        echo "$2 names $name, and there is no such test"
        status=1
    fi
done
exit $status
