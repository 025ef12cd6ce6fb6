#!/usr/bin/env bash
# Installs what is needed, builds upconv without its tests, and doubles the size of a picture with a network that was
# trained in PyTorch. Runs on a bare Debian 12 or Ubuntu 24.04, as root or with sudo, with or without CUDA.
#
#   bash tools/demo.sh [<picture>]      default: the test picture, compared with its original
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -* ]]; then
  sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
fi

bash tools/setup.sh
mkdir -p build
echo "demo: building (a few minutes the first time; the log is build/demo.log)"
if ! { cmake --preset release -D UPCONV_BUILD_TESTS=OFF && cmake --build --preset release --target upscale; } \
  >build/demo.log 2>&1; then
  tail -n 40 build/demo.log >&2
  echo "demo: the build failed; see above and build/demo.log" >&2
  exit 1
fi

example=examples/upscale
upscale=build/release/$example/upscale
weights=(--weights "$example/weights/fsrcnn_x2.h5")
if [[ $# -gt 0 ]]; then
  "$upscale" "$1" build/upscaled.png "${weights[@]}"
else
  "$upscale" $example/pictures/honey_bee.png build/upscaled.png "${weights[@]}" \
    --compare $example/pictures/honey_bee_original.png
fi
echo "demo: the result is $PWD/build/upscaled.png"
