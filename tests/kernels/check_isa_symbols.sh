#!/bin/sh
# check_isa_symbols.sh <nm> <namespace> <object>...
# Fails if an object compiled for one instruction set defines a weak symbol outside its own namespace: the linker
# keeps one definition of such a symbol for the whole program, and CPUs without that instruction set would run it.
# DW.ref.* is a pointer, no code.
set -eu
nm=$1 namespace=$2
shift 2
shared=$("$nm" --defined-only "$@" | grep -E ' [WVui] ' | grep -v -e "$namespace" -e ' DW\.ref\.' || true)
if [ -n "$shared" ]; then
  echo "symbols that other objects may share:" >&2
  echo "$shared" >&2
  exit 1
fi
