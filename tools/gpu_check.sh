#!/usr/bin/env bash
# Checks the CUDA backend on a machine with a GPU, without a network, in under ten minutes: all GPU tests and the
# flagship example, then the four tools of compute-sanitizer over a part of the tests, then the benchmark of the
# flagship layer, beside PyTorch where that is installed, then a table. Exit code 0 if everything passed.
#
#   tools/gpu_check.sh                    builds what is missing in build-gpu/ and checks that
#   tools/gpu_check.sh --build DIR        the same in another build directory
#   tools/gpu_check.sh --binaries DIR     checks what was built elsewhere: cuda_test, bench_gpu, libupconv_conv.so and,
#                                         if they are there, golden_test, profiler_test and flagship in DIR;
#                                         libraries they lack may lie in DIR/lib
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
    --help | -h) sed -n "2,11s/^# \{0,1\}//p" "$0"; exit 0 ;;
    *) echo "gpu_check: $1 is not an option; see tools/gpu_check.sh --help" >&2; exit 2 ;;
  esac
done
log_dir=${log_dir:-$(mktemp -d)}
mkdir -p "$log_dir"

limit=590  # seconds in all; what runs last has what is left
# within SECONDS COMMAND...: runs it no longer than that, nor beyond the limit.
within() {
  local left=$((limit - SECONDS))
  timeout "$((left < $1 ? (left > 1 ? left : 1) : $1))" "${@:2}"
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || { echo "gpu_check: no GPU here"; exit 1; }

# Only for this GPU, so that it is quick; with the examples where the libraries are that they need.
build() {
  local capability examples=OFF targets=(cuda_test golden_test profiler_test bench_gpu upconv_conv)
  if [ -e /usr/include/stb/stb_image.h ] || [ -e /usr/include/stb_image.h ]; then
    if [ -e /usr/include/CLI/CLI.hpp ] && [ -e /usr/include/zlib.h ]; then
      examples=ON
      targets+=(flagship)
    fi
  fi
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
  [ "$capability" = 90 ] && capability=90a
  cmake -S "$source_dir" -B "$build_dir" -DUPCONV_CUDA=ON -DUPCONV_BUILD_TESTS=ON -DUPCONV_TEST_PROJECT=OFF \
    -DUPCONV_BUILD_BENCH=ON "-DUPCONV_BUILD_EXAMPLES=$examples" -DUPCONV_BUILD_TOOLS=OFF \
    "-DCMAKE_CUDA_ARCHITECTURES=$capability-real" &&
    within 300 cmake --build "$build_dir" --target "${targets[@]}" -j "$(nproc)"
}
if [ -n "$binaries" ]; then
  cuda_test=$binaries/cuda_test bench_gpu=$binaries/bench_gpu conv=$binaries/libupconv_conv.so
  golden_test=$binaries/golden_test profiler_test=$binaries/profiler_test flagship=$binaries/flagship
  export LD_LIBRARY_PATH=$binaries/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
  build >"$log_dir/build.log" 2>&1 || {
    grep -E -A4 'CMake Error|error:' "$log_dir/build.log" | head -20
    echo "gpu_check: the build failed, see $log_dir/build.log"
    echo "gpu_check: if a library is missing: with a network, tools/setup.sh --tests installs all but libbenchmark-dev;"
    echo "gpu_check: without, build cuda_test, bench_gpu and upconv_conv elsewhere and pass their directory: --binaries"
    exit 1
  }
  cuda_test=$build_dir/tests/cuda_test bench_gpu=$build_dir/bench/bench_gpu conv=$build_dir/bench/libupconv_conv.so
  golden_test=$build_dir/tests/golden_test profiler_test=$build_dir/tests/profiler_test
  flagship=$build_dir/examples/flagship/flagship
fi
for file in "$cuda_test" "$bench_gpu" "$conv"; do
  [ -e "$file" ] || { echo "gpu_check: $file is missing"; exit 1; }
done
own_path=${LD_LIBRARY_PATH:-}
# Programs look for libcublasLt where the loader does and in /usr/local/cuda; it may lie elsewhere.
if ! ldconfig -p | grep -q libcublasLt && ! ls /usr/local/cuda/lib64/libcublasLt.so.* >/dev/null 2>&1; then
  lt=$(find "${CUDA_PATH:-/usr/local}"/ /usr/local/ /usr/lib /opt -name 'libcublasLt.so.1[23]' 2>/dev/null | head -1)
  [ -n "$lt" ] && export LD_LIBRARY_PATH=$(dirname "$lt")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

# check NAME COMMAND...: runs tests into NAME.log, and writes their line of the table to NAME.line.
check() {
  local name=$1 log=$log_dir/$1.log start=$SECONDS verdict=ok passed skipped summary
  shift
  within 200 "$@" >"$log" 2>&1 || verdict=FAILED
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\{0,1\}.*/\1/p' "$log" | tail -1)
  [ "${passed:-0}" -gt 0 ] || verdict=FAILED
  skipped=$(grep -c '^\[  SKIPPED \].*ms)' "$log")
  summary=$(grep -E '^========= (ERROR|RACECHECK) SUMMARY' "$log" | tail -1)
  printf '%-10s %-7s %3s passed, %s skipped, %3d s  %s\n' "$name" "$verdict" "${passed:-0}" "$skipped" \
    $((SECONDS - start)) "${summary#========= }" >"$log_dir/$name.line"
}

# The example checks what it computes itself.
check_flagship() {
  local log=$log_dir/flagship.log start=$SECONDS verdict=ok precision
  : >"$log"
  for precision in fp32 tf32 f16; do
    within 60 "$flagship" --device cuda --precision $precision --repeats 20 \
      --weights "$source_dir/examples/flagship/weights/flagship.h5" >>"$log" 2>&1 || verdict=FAILED
  done
  printf '%-10s %-7s %3d s, fp32, tf32, f16: %s\n' flagship "$verdict" $((SECONDS - start)) \
    "$(sed -n 's/^  time *\([0-9.]* ms\).*/\1/p' "$log" | paste -sd ' ')" >"$log_dir/flagship.line"
}

rm -f "$log_dir"/*.line
names=tests
check tests "$cuda_test"
if [ -e "$golden_test" ]; then
  names="$names golden"
  UPCONV_GOLDEN_DIR=$source_dir/tests/golden check golden "$golden_test" '--gtest_filter=*cuda*:Tf32*'
fi
if [ -e "$profiler_test" ]; then
  names="$names profiler"
  check profiler "$profiler_test"
fi
if [ -e "$flagship" ]; then
  names="$names flagship"
  check_flagship
fi
cat "$log_dir"/{tests,golden,profiler}.log 2>/dev/null | grep -E '^(\[  FAILED|cuda\.)'

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
tools="memcheck racecheck initcheck synccheck"
# Every 17th problem; operands at all addresses matter to memcheck, two layers are enough for the others, and
# racecheck has no time for them. Left out are tests that make CUDA calls fail on purpose, and those of what a
# sanitizer or a neighbour on the GPU changes: what waits, what allocates, and how much memory is free; from racecheck,
# which runs them one after the other, and from synccheck, which loses track of such launches, the many threads; from
# initcheck, which does not see what cuBLAS stores through the copy engine, networks with matrix products.
filter='CudaKernels.*:CudaLayers.*:CudaRuntime.*:CudaStreams.*:CudaInfinity.Inputs*'
left_out='*OutOfMemory*:*ForkedChild*:*CaptureRefuses*:*DevicesThatAre*:*CallersStream*:*NothingWaits*:*AllocatesNothing*'
left_out=$left_out:*ForwardIntoIsCaptured*
functions='GoldenArithmetic*cuda*:GoldenMovement*cuda*:GoldenPooling*cuda*:GoldenResizing*cuda*'
for tool in $tools; do
  alignment='CudaAlignment.*_3x7:CudaAlignment.*_4x4' except=
  case $tool in
    memcheck) alignment='CudaAlignment.*' ;;
    racecheck) alignment= except=':*ManyThreads*' ;;
    initcheck) except=':*LinearMatches*:CudaStreams.*:*EveryEpilogue*' ;;
    synccheck) except=':*ManyThreads*' ;;
  esac
  if [ -n "$sanitizer" ]; then
    UPCONV_TEST_EVERY=17 check "$tool" "$sanitizer" --tool "$tool" --error-exitcode 9 --print-limit 20 \
      "$cuda_test" "--gtest_filter=$filter:$alignment-$left_out$except" &
    if [ -e "$golden_test" ]; then
      UPCONV_GOLDEN_DIR=$source_dir/tests/golden check "${tool}_fn" "$sanitizer" --tool "$tool" --error-exitcode 9 \
        --print-limit 20 "$golden_test" "--gtest_filter=$functions" &
      names="$names ${tool}_fn"
    fi
  else
    echo "$tool: FAILED, compute-sanitizer is not here" >"$log_dir/$tool.line"
  fi
done
wait

# The benchmark has the GPU to itself.
bench() {
  local log=$log_dir/bench.log start=$SECONDS verdict=ok what
  if python3 -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1; then
    what="beside PyTorch"  # which brings its own cuBLAS
    LD_LIBRARY_PATH=$own_path within 150 python3 "$source_dir/bench/compare_pytorch.py" --quick --library "$conv" \
      --json "$log_dir/bench.json" >"$log" 2>&1 || verdict=FAILED
    grep '^flagship .*upconv.*ms\|^flagship .*FAILED' "$log" | sed 's/^flagship /  /' >"$log_dir/bench.modes"
  else
    what="alone: python3 has no PyTorch with CUDA"
    within 150 "$bench_gpu" --flagship >"$log" 2>&1 || verdict=FAILED
    sed -n 's#^cuda\.[^ ]*_\([a-z0-9]*\)/iterations[^ ]* .* \([0-9.]* ms, spread.*\)#  \1 \2#p' "$log" \
      >"$log_dir/bench.modes"
  fi
  [ "$(wc -l <"$log_dir/bench.modes")" = 4 ] || verdict=FAILED
  printf '%-10s %-7s %3d s, %s\n' bench "$verdict" $((SECONDS - start)) "$what" | cat - "$log_dir/bench.modes" \
    >"$log_dir/bench.line"
  [ $verdict = ok ] || tail -5 "$log"
}
bench

echo
for name in $names $tools bench; do cat "$log_dir/$name.line"; done
if grep -q FAILED "$log_dir"/*.line; then
  echo "gpu_check: FAILED after $SECONDS s, see $log_dir"
  exit 1
fi
echo "gpu_check: all passed in $SECONDS s"
