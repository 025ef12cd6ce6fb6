#!/usr/bin/env bash
# Installs what upconv needs from Debian's or Ubuntu's own archive, and only what is missing: the second time it is
# done in a blink. tools/demo.sh and tools/test.sh call it; docs/dependencies.md says what each package is for.
#
#   bash tools/setup.sh             what a build needs
#   bash tools/setup.sh --tests     and what the tests need
#   bash tools/setup.sh --lacking   installs nothing; prints the packages of tests that this distribution has not
set -euo pipefail

what=${1:-}
case $what in
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  '' | --tests | --lacking) ;;
  *)
    echo "setup: $what is not an option; see bash tools/setup.sh --help" >&2
    exit 2
    ;;
esac
if [[ $# -gt 1 ]]; then
  echo "setup: one option at a time, not $*; see bash tools/setup.sh --help" >&2
  exit 2
fi

required=(g++ cmake ninja-build libhdf5-dev liblzf-dev libeigen3-dev libhwy-dev libstb-dev libcli11-dev
  nlohmann-json3-dev zlib1g-dev)
optional=()  # tests that need one of these skip, visibly, where it cannot be had
if [[ -n $what ]]; then
  required+=(libgtest-dev libgmock-dev python3)
  optional+=(pkg-config clang-format-14 clang-14 libomp-14-dev doxygen python3-h5py python3-torch python3-pil
    g++-aarch64-linux-gnu qemu-user)
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  if [[ $what == --lacking ]]; then
    echo "${optional[*]}"
    exit 0
  fi
  echo "setup: this is not Debian or Ubuntu, so nothing was installed; upconv needs the counterparts of: ${required[*]}"
  exit 0
fi

missing() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

available() {
  local package
  for package in "$@"; do
    if apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]'; then echo "$package"; fi
  done
}

# apt-get that asks nothing, waits for another apt-get to end, and tries again: mirrors fail now and then.
apt() {
  local attempt
  for attempt in 1 2 3; do
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
      -o Dpkg::Use-Pty=0 "$@" </dev/null && return 0
    echo "setup: apt-get $1 failed (attempt $attempt of 3)" >&2
    sleep 5
  done
  return 1
}

if [[ $what == --lacking ]]; then
  for package in $(missing "${optional[@]}"); do
    [[ -n $(available "$package") ]] || printf '%s ' "$package"
  done
  exit 0
fi

mapfile -t need < <(missing "${required[@]}")
mapfile -t want < <(missing "${optional[@]}")
if [[ ${#need[@]} -eq 0 && -z $(available "${want[@]}") ]] &&
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then  # without lists nothing looks available
  [[ ${#want[@]} -eq 0 ]] || echo "setup: not in this distribution, some tests will skip: ${want[*]}"
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  as_root=(sudo)
  if ! command -v sudo >/dev/null; then
    echo "setup: there is no sudo here; install these as root and start again: apt-get install ${need[*]} ${want[*]}" >&2
    exit 1
  fi
fi

echo "setup: installing ${need[*]} ${want[*]}"
apt update
mapfile -t found < <(available "${want[@]}")
if ! apt install --yes --no-install-recommends "${need[@]}" "${found[@]}" >/dev/null; then
  echo "setup: apt-get could not install ${need[*]} ${found[*]}; its messages are above" >&2
  exit 1
fi
