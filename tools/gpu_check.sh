#!/usr/bin/env bash
# Checks the CUDA backend on a machine with a GPU, without a network, in under ten minutes: all GPU tests, then the
# four tools of compute-sanitizer over a part of them, then a table. Exit code 0 if everything passed.
#
#   tools/gpu_check.sh                    builds what is missing in build-gpu/ and checks that
#   tools/gpu_check.sh --build DIR        the same in another build directory
#   tools/gpu_check.sh --binaries DIR     checks DIR/cuda_test, built elsewhere; libraries it lacks may lie in DIR/lib
#   ... --log DIR                         keeps the full output there (default: a temporary directory)
set -uo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
build_dir=$source_dir/build-gpu
binaries=
log_dir=
while [ $# -gt 0 ]; do
  case $1 in
    --binaries) binaries=$2; shift 2 ;;
    --build) build_dir=$2; shift 2 ;;
    --log) log_dir=$2; shift 2 ;;
    *) sed -n '2,9p' "$0"; exit 2 ;;
  esac
done
log_dir=${log_dir:-$(mktemp -d)}
mkdir -p "$log_dir"

if [ -z "$binaries" ]; then
  cmake -S "$source_dir" -B "$build_dir" -DUPCONV_CUDA=ON -DUPCONV_BUILD_TESTS=ON >"$log_dir/build.log" 2>&1 &&
    cmake --build "$build_dir" --target cuda_test -j "$(nproc)" >>"$log_dir/build.log" 2>&1 ||
    { tail -20 "$log_dir/build.log"; echo "gpu_check: the build failed"; exit 1; }
  binaries=$build_dir/tests
fi
export LD_LIBRARY_PATH=$binaries/lib:${LD_LIBRARY_PATH:-}
if ldd "$binaries/cuda_test" | grep -q 'libcublasLt.*not found'; then  # it lies off the loader's path
  lt=$(find /usr/local/cuda*/ /usr/lib /opt -name 'libcublasLt.so.13*' 2>/dev/null | head -1)
  [ -n "$lt" ] && export LD_LIBRARY_PATH=$(dirname "$lt"):$LD_LIBRARY_PATH
fi
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || { echo "gpu_check: no GPU here"; exit 1; }

# check NAME COMMAND...: runs it into NAME.log, and writes its line of the table to NAME.line.
check() {
  local name=$1 log=$log_dir/$1.log start=$SECONDS verdict=ok passed skipped summary
  shift
  timeout 200 "$@" >"$log" 2>&1 || verdict=FAILED
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\{0,1\}.*/\1/p' "$log" | tail -1)
  skipped=$(grep -c '^\[  SKIPPED \].*ms)' "$log")
  summary=$(grep -E '^========= (ERROR|RACECHECK) SUMMARY' "$log" | tail -1)
  printf '%-10s %-7s %3s passed, %s skipped, %3d s  %s\n' "$name" "$verdict" "${passed:-0}" "$skipped" \
    $((SECONDS - start)) "${summary#========= }" >"$log_dir/$name.line"
}

check tests "$binaries/cuda_test"
grep -E '^(\[  FAILED|cuda\.)' "$log_dir/tests.log"

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
tools="memcheck racecheck initcheck synccheck"
# Every seventh problem. Left out are tests that make CUDA calls fail on purpose; from racecheck, which runs them one
# after the other, the many threads; from initcheck, which does not see what cuBLAS stores through the copy engine,
# a linear layer.
filter='CudaKernels.*:CudaLayers.*:CudaRuntime.*-*OutOfMemory*:*CaptureRefuses*:*DevicesThatAre*:*CallersStream*'
for tool in $tools; do
  case $tool in
    racecheck) except=:*ManyThreads* ;;
    initcheck) except=:*LinearMatches* ;;
    *) except= ;;
  esac
  if [ -n "$sanitizer" ]; then
    UPCONV_TEST_EVERY=7 check "$tool" "$sanitizer" --tool "$tool" --error-exitcode 9 --print-limit 20 \
      "$binaries/cuda_test" "--gtest_filter=$filter$except" &
  else
    echo "$tool: FAILED, compute-sanitizer is not here" >"$log_dir/$tool.line"
  fi
done
wait

echo
for name in tests $tools; do cat "$log_dir/$name.line"; done
if cat "$log_dir"/*.line | grep -q FAILED; then
  echo "gpu_check: FAILED, see $log_dir"
  exit 1
fi
echo "gpu_check: all passed"
