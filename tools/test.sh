#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test: the release build (with CUDA where the toolkit is found; tests
# that need a GPU skip where there is none), the same tests under AddressSanitizer and UndefinedBehaviorSanitizer, the
# installed package, and the style checks. Runs on a bare Debian 12 or Ubuntu 24.04, as root or with sudo.
#
#   bash tools/test.sh            everything
#   bash tools/test.sh --quick    without the sanitizers
#
# Other arguments go to ctest, for example: bash tools/test.sh --quick -R ConvTranspose
# The exit status is 0 only if everything was built and every test passed. The last lines are ctest's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

configurations=(release asan ubsan)
case ${1:-} in
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  --quick)
    configurations=(release)
    shift
    ;;
esac

bash tools/setup.sh --tests
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
fi

# One ctest run over all build trees, so that there is one list and one verdict.
all=build/all
mkdir -p $all
: >$all/CTestTestfile.cmake
for configuration in "${configurations[@]}"; do
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
  echo "subdirs(../$configuration)" >>$all/CTestTestfile.cmake
done

export ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
exec ctest --test-dir $all --output-on-failure --no-tests=error --no-label-summary --parallel "$(nproc)" "$@"
