#!/bin/sh
# Usage: check_exports.sh LIBRARY HEADER
# The library exports exactly the functions of the header, needs at most GLIBC_2.34 and GLIBCXX_3.4.29, and links to
# nothing but the C and C++ runtime (libfabric is opened at run time).
set -eu
library=$1
header=$2
status=0

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(sed -n 's/^NIXL_EXPORT [^(]*[ *]\(nixl_[a-z_]*\)(.*/\1/p' "$header" | sort)
if [ "$exported" != "$declared" ]; then
    echo "exported and declared functions differ:"
    printf '%s\n' "$exported" > "${TMPDIR:-/tmp}/nixl-exported.$$"
    printf '%s\n' "$declared" | diff "${TMPDIR:-/tmp}/nixl-exported.$$" - || true
    rm -f "${TMPDIR:-/tmp}/nixl-exported.$$"
    status=1
fi

# newest FAMILY: the highest version of that symbol family the library needs.
newest() {
    objdump -T "$library" | grep -o "${1}_[0-9.]*[0-9]" | sed "s/^${1}_//" | sort -uV | tail -1
}
at_most() {
    found=$(newest "$1")
    highest=$(printf '%s\n%s\n' "${found:-0}" "$2" | sort -V | tail -1)
    if [ "$highest" != "$2" ]; then
        echo "needs $1_$found, more than $1_$2:"
        objdump -T "$library" | grep "$1_$found"
        status=1
    fi
    echo "$1: needs ${found:-nothing}, allowed $2"
}
at_most GLIBC 2.34
at_most GLIBCXX 3.4.29
at_most CXXABI 1.3.13

for needed in $(objdump -p "$library" | awk '$1 == "NEEDED" { print $2 }'); do
    case $needed in
    libc.so.6 | libstdc++.so.6 | libgcc_s.so.1 | libm.so.6 | ld-linux-x86-64.so.2) ;;
    *)
        echo "needs $needed"
        status=1
        ;;
    esac
done
exit $status
