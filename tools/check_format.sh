#!/usr/bin/env bash
# Checks that every C++ and CUDA file is formatted as .clang-format says; `--fix` formats them instead.
# Exit status: 0 in order, 77 skipped, else not. Other versions of clang-format differ in details, so only 14 judges.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

clang_format=
for candidate in clang-format-14 clang-format; do
  if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
    clang_format=$candidate
    break
  fi
done
if [[ -z $clang_format ]]; then
  echo "SKIPPED: clang-format 14 is not installed (package clang-format-14)"
  exit 77
fi

mode=(--dry-run -Werror)
if [[ ${1:-} == --fix ]]; then
  mode=(-i)
fi
directories=()
for directory in framework kernels layers examples tests bench tools; do
  [[ -d $directory ]] && directories+=("$directory")
done
find upconv.h "${directories[@]}" -regextype egrep -regex '.*\.(h|cpp|cu|cuh)' -print0 |
  xargs -0 "$clang_format" "${mode[@]}"
