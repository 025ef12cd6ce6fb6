#!/usr/bin/env bash
# Installs what is needed, builds upconv without its tests, and runs two networks that were trained in PyTorch on a
# picture: one doubles its size, the other takes noise and JPEG artefacts out of it. Runs on a bare Debian 12 or Ubuntu 24.04, as root or with sudo. Builds in build/demo: with CUDA
# for the GPUs of this machine, without CUDA where there are none.
#
#   bash tools/demo.sh [<picture>]      default: a test picture for each, compared with its original
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
  cmake --build build/demo --target upscale upconv-restore; } >build/demo.log 2>&1; then
  tail -n 40 build/demo.log >&2
  echo "demo: the build failed; see above and build/demo.log" >&2
  exit 1
fi

device=()
if grep -q 'upconv: with CUDA' build/demo.log; then
  device=(--device cuda)
fi

# run <example> <program> <weights> <test picture> <result>
run() {
  local folder=examples/$1 input=${picture:-} arguments=(--weights "examples/$1/weights/$3" "${device[@]}")
  if [[ -z $input ]]; then
    input=$folder/pictures/$4
    arguments+=(--compare "${input%.*}_original.png")
  fi
  "build/demo/$folder/$2" "$input" "$5" "${arguments[@]}"
  echo "demo: the result is $PWD/$5"
}
run upscale upscale fsrcnn_x2.h5 honey_bee.png build/upscaled.png
run restore upconv-restore restorer.h5 coffee.jpg build/restored.png
