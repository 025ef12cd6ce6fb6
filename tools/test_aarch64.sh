#!/usr/bin/env bash
# Cross-compiles upconv for 64-bit Arm (NEON) and runs the tests of the CPU kernels and PyTorch's golden files under
# qemu-user. Needs g++-aarch64-linux-gnu and qemu-user, which `bash tools/setup.sh --tests` installs. The first run
# fetches the arm64 libraries (100 MB unpacked, see tools/aarch64_sysroot.sh).
#
#   bash tools/test_aarch64.sh                   all of them
#   bash tools/test_aarch64.sh -- -R Linear      what follows -- goes to ctest
#
# Leaves out what would take qemu minutes and shows nothing new there: the same bits on any number of threads and at
# any place, other instruction sets, allocations.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
  "") ;;
  --) shift ;;
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' tools/test_aarch64.sh
    exit 0
    ;;
  *)
    echo "test_aarch64: $1 is not an option; see bash tools/test_aarch64.sh --help" >&2
    exit 2
    ;;
esac

for program in aarch64-linux-gnu-g++ qemu-aarch64; do
  if ! command -v $program >/dev/null; then
    echo "test_aarch64: $program is missing: install g++-aarch64-linux-gnu and qemu-user" >&2
    exit 1
  fi
done
bash tools/aarch64_sysroot.sh

mkdir -p build
if ! { cmake --preset aarch64 && cmake --build --preset aarch64 --target golden_test kernels_test; } \
  >build/aarch64.log 2>&1; then
  tail -n 60 build/aarch64.log >&2
  echo "test_aarch64: building failed; see above and build/aarch64.log" >&2
  exit 1
fi
exec ctest --preset aarch64 --parallel "$(nproc)" \
  --tests-regex 'Golden|Convolution|Linear|Activation|ChannelAffine|Convert|Special|Workspace|Selection|ConvProblem' \
  --exclude-regex 'NOT_BUILT|BitEqual|APixelDoesNot|EveryInstructionSet|NothingIsAllocated' "$@"
