#!/usr/bin/env bash
# Installs what is needed, builds upconv without its tests, and doubles the size of a picture with a network that was
# trained in PyTorch. Runs on a bare Debian 12 or Ubuntu 24.04, as root or with sudo. Builds in build/demo: with CUDA
# for the GPUs of this machine, without CUDA where there are none.
#
#   bash tools/demo.sh [<picture>]      default: the test picture, compared with its original
set -euo pipefail

case ${1:-} in
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  -*)
    echo "demo: $1 is not an option; see bash tools/demo.sh --help" >&2
    exit 2
    ;;
esac
if [[ $# -gt 1 ]]; then
  echo "demo: one picture at a time, not $#; see bash tools/demo.sh --help" >&2
  exit 2
fi
if [[ $# -eq 1 ]]; then
  if [[ ! -f $1 ]]; then
    echo "demo: there is no file $1" >&2
    exit 2
  fi
  picture=$(realpath "$1")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/setup.sh
options=(-D UPCONV_CUDA=OFF)
architectures=$(bash tools/gpu_architectures.sh)
if [[ -n $architectures ]]; then
  options=(-D UPCONV_CUDA=AUTO -D CMAKE_CUDA_ARCHITECTURES="$architectures")
fi
mkdir -p build
echo "demo: building (some minutes the first time; the log is build/demo.log)"
if ! { cmake -G Ninja -S . -B build/demo -D CMAKE_BUILD_TYPE=Release -D UPCONV_BUILD_TESTS=OFF "${options[@]}" &&
  cmake --build build/demo --target upscale; } >build/demo.log 2>&1; then
  tail -n 40 build/demo.log >&2
  echo "demo: the build failed; see above and build/demo.log" >&2
  exit 1
fi

example=examples/upscale
arguments=(--weights "$example/weights/fsrcnn_x2.h5")
if grep -q 'upconv: with CUDA' build/demo.log; then
  arguments+=(--device cuda)
fi
if [[ -z ${picture:-} ]]; then
  picture=$example/pictures/honey_bee.png
  arguments+=(--compare $example/pictures/honey_bee_original.png)
fi
build/demo/$example/upscale "$picture" build/upscaled.png "${arguments[@]}"
echo "demo: the result is $PWD/build/upscaled.png"
