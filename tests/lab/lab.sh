#!/usr/bin/env bash
# The RDMA lab: real ibverbs on a machine without a network card. Boots Debian's kernel in QEMU (software emulation: no
# KVM, nothing is loaded into this machine's kernel) with four Soft-RoCE ports, and runs over it:
#   verbs    the port and libfabric's verbs provider are there
#   fabric   the native tests of the fabric transport (tests/fabric), each in a process of its own
#   faults   the native fault tests (tests/faults), the same way
#   engines  the demo's prefill and decode engines, two processes
#   ./test.sh --lab                 everything
#   ./test.sh --lab WORD…           only checks whose name contains one of the words, e.g. FabricFault, engines
#   ./test.sh --lab --sanitize      the native tests built with AddressSanitizer and UndefinedBehaviorSanitizer
# The first run fetches packages (about 20 MB) and a kernel (70 MB); later ones need no network. The guest's /usr is
# this machine's, read-only. Emulated speed says nothing about RDMA's: time limits are wide. Closes with one line:
# N passed, N failed.
# Settings: NIXL_LAB_CACHE (where the kernel is kept), NIXL_LAB_MINUTES (limit of the whole machine, 30).
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

preset=release words=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --sanitize) preset=asan ;;
    -*) fail "unknown option $argument of --lab (try --lab --help)" ;;
    *) words+=("$argument") ;;
  esac
done
[ "$(uname -m)" = x86_64 ] || fail "the RDMA lab boots an x86-64 kernel on x86-64; this machine is $(uname -m)"

repository=$PWD
lab=$repository/tests/lab
cache=${NIXL_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nixl-sdk/lab}
minutes=${NIXL_LAB_MINUTES:-30}
work=$(mktemp -d "${TMPDIR:-/tmp}/nixl-lab.XXXXXX")
machine=

clean_up() {
  # By its own number: other machines of this user are none of our business.
  if [ -n "$machine" ] && kill "$machine" 2>/dev/null; then wait "$machine" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Unpacks vmlinuz and the few folders of modules that the guest loads; nothing is installed, so that this machine's boot
# menu stays as it is.
fetch_kernel() {
  ls "$cache"/root/boot/vmlinuz-* >/dev/null 2>&1 && return 0
  local name new
  name=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends:/ { print $2; exit }')
  [ -n "$name" ] || fail "apt knows no package linux-image-amd64: run apt-get update (as root) on a Debian system"
  say "Fetching the guest's kernel ($name, about 70 MB)"
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new.XXXXXX")
  mkdir "$new/root" "$new/deb"
  chmod 777 "$new/deb" # apt's own user writes there
  (cd "$new/deb" && timeout 600 apt-get download -q "$name" >&2) || { rm -rf "$new"; fail "$name could not be fetched"; }
  local m=./lib/modules/*/kernel
  dpkg-deb --fsys-tarfile "$new"/deb/*.deb | tar -x -C "$new/root" --wildcards './boot/vmlinuz-*' './lib/modules/*/modules.*' \
    "$m/drivers/infiniband/core/*" "$m/drivers/infiniband/sw/*" "$m/drivers/virtio/*" "$m/drivers/char/hw_random/*" \
    "$m/drivers/net/*.ko" "$m/fs/9p/*" "$m/fs/netfs/*" "$m/fs/fscache/*" "$m/fs/configfs/*" "$m/net/9p/*" \
    "$m/net/ipv4/*" "$m/net/ipv6/*" "$m/crypto/*" "$m/lib/*" "$m/arch/x86/crypto/*"
  rm -rf "$cache/root"
  mv "$new/root" "$cache/root" # whole or not at all
  rm -rf "$new"
}

# busybox, the modules in load order, the files of /etc that the libraries read, the guest's first program.
make_initramfs() {
  local root=$work/initramfs version=$1 name
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,usr,share,mnt,modules,etc,var/tmp,root}
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$lab/init" "$root/init"
  [ -f "$cache/root/lib/modules/$version/modules.dep" ] || /sbin/depmod -b "$cache/root" "$version"
  for name in virtio_pci 9pnet_virtio 9p virtio_rng dummy crc32_generic rdma_rxe rdma_ucm; do
    /sbin/modprobe -d "$cache/root" -S "$version" --show-depends "$name"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    cp "$file" "$root/modules/"
    basename "$file" >>"$root/modules/list"
  done
  for name in ld.so.cache ld.so.conf ld.so.conf.d libibverbs.d rdma passwd group nsswitch.conf alternatives services protocols; do
    if [ -e "/etc/$name" ]; then cp -a "/etc/$name" "$root/etc/"; fi
  done
  echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
  (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd.gz"
}

# Copies of what the guest runs, so that a build meanwhile does not change it under the guest; there they lie at the
# paths that they have here (tests know the path of their second process).
stage_programs() {
  local file
  mkdir -p "$work/stage"
  for file in $(find "Sdk.Native/build/$preset/tests" -type f -executable -not -name '*.so' -not -path '*/CMakeFiles/*') \
    samples/Disaggregated/bin/Release; do
    mkdir -p "$work/stage/$(dirname "$file")"
    cp -r "$file" "$work/stage/$file"
  done
}

# boot KERNEL [FOLDER…] : runs tests/lab/guest.sh in the machine; the folders are there, read-only, under their own paths.
boot() {
  local kernel=$1 folder i=0 devices=() mounts=
  shift
  share() { devices+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap$3" -device "virtio-9p-pci,fsdev=$1,mount_tag=$1"); }
  share usr /usr ,readonly=on
  share share "$work/share" ''
  share stage "$work/stage" ,readonly=on
  mounts+="stage $repository"$'\n'
  for folder in "$@"; do
    share "f$i" "$folder" ,readonly=on
    mounts+="f$i $folder"$'\n'
    i=$((i + 1))
  done
  printf '%s' "$mounts" >"$work/share/mounts"
  timeout -k 10 $((minutes * 60)) qemu-system-x86_64 -accel tcg,thread=multi,tb-size=512 -cpu max -smp 4 -m 4096 -M q35 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio -device virtio-rng-pci \
    -kernel "$kernel" -initrd "$work/initrd.gz" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off tsc=reliable random.trust_cpu=on" \
    "${devices[@]}" </dev/null > >(tee "$work/console" | sed -u 's/\r$//; s/\x1b\[[0-9;?]*[A-Za-z]//g') 2>&1 &
  machine=$!
  wait "$machine" || true
  machine=
}

need_packages g++ cmake ninja-build libgtest-dev libfabric-dev libfabric1 ibverbs-providers ibverbs-utils iproute2 \
  qemu-system-x86 busybox-static cpio kmod
need_dotnet
fetch_kernel
build_native "$preset"
[ "$preset" = release ] || build_native release
build_managed samples/Disaggregated/Disaggregated.csproj

kernel=$(ls "$cache"/root/boot/vmlinuz-* | tail -1)
mkdir -p "$work/share/out"
cp "$lab/guest.sh" "$work/share/"
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
{
  printf 'repository=%q\npreset=%q\ndotnet=%q\n' "$repository" "$preset" "$dotnet/dotnet"
  printf 'words=('; [ ${#words[@]} = 0 ] || printf '%q ' "${words[@]}"; printf ')\n'
} >"$work/share/settings"
folders=()
[[ $dotnet == /usr/* ]] || folders+=("$dotnet")
stage_programs
make_initramfs "${kernel##*/vmlinuz-}"
say "Booting the lab (at most $minutes minutes)"
started=$SECONDS
boot "$kernel" ${folders[@]+"${folders[@]}"}
say "The machine ran for $((SECONDS - started)) s"
if [ ! -f "$work/share/out/result" ]; then
  [ -s "$work/console" ] || say "QEMU printed nothing"
  fail "the guest did not finish within $minutes minutes (its last lines are above); NIXL_LAB_MINUTES raises the limit"
fi
read -r passed failed skipped <"$work/share/out/result"
[ "$skipped" = 0 ] && printf '%d passed, %d failed\n' "$passed" "$failed" || printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
