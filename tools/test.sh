#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test: the release build (with CUDA where the toolkit is found; tests
# that need a GPU skip where there is none), the same tests under AddressSanitizer and UndefinedBehaviorSanitizer, those
# with threads under ThreadSanitizer in a build by Clang, the CPU kernels for 64-bit Arm under qemu, the installed package,
# and the style checks. Runs on a bare Debian 12 or Ubuntu 24.04, as root or with sudo.
#
#   bash tools/test.sh                       everything
#   bash tools/test.sh --quick               without the sanitizers and Arm
#   bash tools/test.sh --quick -- -R Conv    what follows -- goes to ctest
#
# The exit status is 0 only if everything was built, every test passed, and tests skipped only for reasons that
# tools/check_skips.py allows. The last lines are ctest's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

configurations=(release asan ubsan tsan)
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h)
      sed -n '2,/^set/s/^# \{0,1\}//p' tools/test.sh
      exit 0
      ;;
    --quick) configurations=(release) ;;
    --)
      shift
      break
      ;;
    *)
      echo "test: $1 is not an option; see bash tools/test.sh --help" >&2
      exit 2
      ;;
  esac
  shift
done

bash tools/setup.sh --tests
lacking=$(bash tools/setup.sh --lacking)
gpus=$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU' || true)
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
fi

# One ctest run over all build trees, so that there is one list and one verdict.
all=$PWD/build/all
mkdir -p "$all"
: >"$all/CTestTestfile.cmake"
lacks() {  # lacks PART PACKAGE...: says so and succeeds if the distribution has not all that PART needs
  local package
  for package in "${@:2}"; do
    [[ " $lacking " == *" $package "* ]] && echo "test: without $1: this distribution lacks $package" && return
  done
  return 1
}
for configuration in "${configurations[@]}"; do
  if [[ $configuration == tsan ]] && lacks tsan clang-14 libomp-14-dev; then
    continue
  fi
  echo "test: building $configuration (the log is build/$configuration.log)"
  SECONDS=0
  if ! { cmake --preset "$configuration" && cmake --build --preset "$configuration"; } \
    >"build/$configuration.log" 2>&1; then
    tail -n 60 "build/$configuration.log" >&2
    echo "test: building $configuration failed; see above and build/$configuration.log" >&2
    exit 1
  fi
  grep -h -e 'upconv: with' "build/$configuration.log" || true
  echo "test: built $configuration in $SECONDS s"
  echo "subdirs(../$configuration)" >>"$all/CTestTestfile.cmake"
done
junit=build/test.xml
junit_aarch64=build/test_aarch64.xml
rm -f $junit $junit_aarch64
distribution=$(. /etc/os-release && echo "$ID")
if [[ $distribution != debian && -z ${UPCONV_ARM64_MIRROR:-} ]]; then
  echo "test: without aarch64: UPCONV_ARM64_MIRROR does not say where this distribution keeps its arm64 packages"
elif [[ ${#configurations[@]} -gt 1 ]] && ! lacks aarch64 g++-aarch64-linux-gnu qemu-user; then
  cat >>"$all/CTestTestfile.cmake" <<END
add_test(aarch64 bash -o pipefail -c [[bash "\$0" -- --output-junit "\$1" --test-output-size-passed 1000000 2>&1 |
  sed 's/^/  /']] "$PWD/tools/test_aarch64.sh" "$PWD/$junit_aarch64")
set_tests_properties(aarch64 PROPERTIES TIMEOUT 1500 PROCESSORS 2)
END
fi
python3 tools/check_test_names.py "$all"

export ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
# libomp tells ThreadSanitizer through this library what waits for what, and what libraries without instrumentation do
# with their own locks is not looked at: without these two, every parallel loop is an alarm.
export TSAN_OPTIONS=${TSAN_OPTIONS-ignore_noninstrumented_modules=1}
export OMP_TOOL_LIBRARIES=${OMP_TOOL_LIBRARIES-/usr/lib/llvm-14/lib/libarcher.so}
log=build/test.log
status=0
# Reasons for skipping come before ctest's summary, which thus is the end. (The summary of the ctest inside the test
# aarch64 is indented, or this would take it for the end.)
ctest --test-dir "$all" --output-on-failure --no-tests=error --no-label-summary --parallel "$(nproc)" \
  --output-junit "$PWD/$junit" --test-output-size-passed 1000000 "$@" 2>&1 |
  tee $log | sed -u '/^[0-9]*% tests passed/,$d' || status=$?
skips=0
if [[ -f $junit ]]; then
  junits=($junit)
  [[ ! -f $junit_aarch64 ]] || junits+=($junit_aarch64)
  python3 tools/check_skips.py "${junits[@]}" --lacking "$lacking" --gpus "$gpus" || skips=$?
  echo
fi
sed -n '/^[0-9]*% tests passed/,$p' $log | sed '/^The following tests did not run:/,/^$/d'
if [[ $status -eq 0 && $skips -ne 0 ]]; then
  echo "test: FAILED: tests skipped that must run here; see above" >&2
  status=1
fi
exit "$status"
