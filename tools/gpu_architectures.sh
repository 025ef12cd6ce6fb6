#!/usr/bin/env bash
# Prints the CUDA architectures of the GPUs in this machine as CMAKE_CUDA_ARCHITECTURES takes them, "80-real;90a-real",
# and nothing where there is no GPU that upconv can use (compute capability 8.0 and up) or no driver.
#
#   bash tools/gpu_architectures.sh
set -euo pipefail

if [[ $# -gt 0 ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  [[ $1 == --help || $1 == -h ]] && exit 0
  echo "gpu_architectures: $1 is not an option" >&2
  exit 2
fi

capabilities=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null) || exit 0
architectures=()
for capability in $(sort --unique --version-sort <<<"$capabilities"); do
  architecture=${capability/./}
  [[ $architecture =~ ^[0-9]+$ && $architecture -ge 80 ]] || continue
  [[ $architecture == 90 ]] && architecture=90a  # Hopper's own instructions
  architectures+=("$architecture-real")
done
(IFS=';' && echo "${architectures[*]}")
