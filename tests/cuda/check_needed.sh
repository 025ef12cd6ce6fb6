#!/usr/bin/env bash
# check_needed.sh BINARY: a CUDA build starts on machines without CUDA, so its programs, or its shared libraries, need
# none of CUDA's.
set -euo pipefail

needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
echo "$needed"
[ -n "$needed" ] || { echo "$1: readelf names no library at all"; exit 1; }
if grep -E '^lib(cublas|cuda|nv)' <<<"$needed"; then
  echo "$1 needs the libraries above to start"
  exit 1
fi
