# Runs inside the lab's machine (see lab.sh): every check timed, bounded and counted.
source /share/settings
passed=0 failed=0 skipped=0
export NIXL_TEST_PROVIDER='verbs;ofi_rxm' NIXL_TEST_HOST=10.99.0.1 NIXL_TEST_SLOWNESS=10
export NIXL_TEST_RAILS=10.99.0.1,10.99.1.1,10.99.2.1,10.99.3.1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer takes minutes under emulation; the host's tests have it on
ulimit -l unlimited

wanted() {
  [ ${#words[@]} = 0 ] && return 0
  local word
  for word in "${words[@]}"; do [[ $1 == *"$word"* ]] && return 0; done
  return 1
}

up() { cut -d' ' -f1 /proc/uptime; }

# check NAME SECONDS COMMAND… : one line on the console; the output only when it fails.
check() {
  local name=$1 limit=$2 began log=/share/out/log rc seconds
  wanted "$name" || return 0
  shift 2
  began=$(up)
  timeout -k 5 "$limit" "$@" >$log 2>&1 </dev/null
  rc=$?
  seconds=$(awk -v a="$began" -v b="$(up)" 'BEGIN { printf "%.1f", b - a }')
  if [ $rc = 0 ] && grep -q '^\[  SKIPPED \]' $log; then
    skipped=$((skipped + 1))
    echo "skipped $name:$(sed -n '/Skipped$/{n;p}' $log | head -1 | sed 's/^ */ /')"
  elif [ $rc = 0 ]; then
    passed=$((passed + 1))
    echo "ok      $name ($seconds s)$(sed -n 's/^lab: / /p' $log | head -1)"
  else
    failed=$((failed + 1))
    [ $rc = 124 ] && echo "it was ended after $limit s" >>$log
    echo "FAILED  $name, exit code $rc ($seconds s)"
    tail -40 $log | sed 's/^/        /'
  fi
}

# Every test of a GoogleTest program in a process of its own: one that dies or hangs fails alone. Suites that open no
# device, or are skipped here as a whole, take one process: starting one costs seconds.
native_tests() {
  local program=$1 suite= line
  while IFS= read -r line; do
    if [[ $line != ' '* ]]; then
      suite=${line%% *}
      case $suite in
        FabricWire. | PackingTable. | PackingScatter. | PackingBudget. | *FabricRailDeath*)
          check "$suite*" 300 "$program" --gtest_filter="$suite*" --gtest_brief=1
          suite= ;;
      esac
      continue
    fi
    [ -n "$suite" ] || continue
    line=${line#  }
    line=${line%% *}
    [[ $suite$line == *DISABLED_* ]] && continue
    check "$suite$line" 300 "$program" --gtest_filter="$suite$line" --gtest_brief=1
  done < <("$program" --gtest_list_tests)
}

echo "guest up after $(up) s: Linux $(uname -r), $(rdma link | head -1)"
check verbs.device 30 sh -c 'ibv_devinfo | grep -q PORT_ACTIVE'
for program in "$repository"/Sdk.Native/build/"$preset"/tests/{fabric,faults}/*_tests; do
  if [ -x "$program" ]; then native_tests "$program"; fi
done

# The demo's engines, two processes; their agents take provider and address from the environment.
engines() {
  local name settings=()
  for name in prefill-0 decode-0; do
    settings+=("Nixl__${name}__FabricProvider=$NIXL_TEST_PROVIDER" "Nixl__${name}__ListenHost=$NIXL_TEST_HOST")
  done
  # Bash's export takes no names with a hyphen; env does.
  env "${settings[@]}" "$dotnet" "$repository/samples/Disaggregated/bin/Release/net10.0/Disaggregated.dll" demo --transport fabric \
    --timeout 300 "$@" >/share/out/engines 2>&1 || { cat /share/out/engines; return 1; }
  cat /share/out/engines
}
export -f engines
export repository dotnet
check engines.demo 900 bash -c 'engines --requests 2 --max-new-tokens 24 --json'

echo "$passed $failed $skipped" >/share/out/result
