#!/usr/bin/env bash
# Checks that every C++ and CUDA file is formatted as .clang-format says; `--fix` formats them instead.
# Exit status: 0 in order, 77 skipped, else not. Other versions of clang-format differ in details, so only 14 judges.
#
#   bash tools/check_format.sh [--fix]
set -euo pipefail

mode=(--dry-run -Werror)
case ${1:-} in
  '') ;;
  --fix) mode=(-i) ;;
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *)
    echo "check_format: $1 is not an option; see bash tools/check_format.sh --help" >&2
    exit 2
    ;;
esac
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

directories=()
for directory in framework kernels layers examples tests bench tools; do
  [[ -d $directory ]] && directories+=("$directory")
done
find upconv.h "${directories[@]}" -regextype egrep -regex '.*\.(h|cpp|cu|cuh)' -print0 |
  xargs -0 "$clang_format" "${mode[@]}"
