#!/usr/bin/env bash
# Unpacks the arm64 libraries that upconv is built against into build/aarch64-sysroot, from the archive of the
# distribution that runs this. Nothing on the host is installed or changed: foreign -dev packages would displace the
# host's own. The folder serves the linker (cmake/aarch64-linux-gnu.cmake) and `qemu-aarch64 -L`.
#
#   bash tools/aarch64_sysroot.sh
#
# UPCONV_ARM64_MIRROR: where the archive's arm64 packages are. By default the mirror that apt-get uses, which on Debian
# has them; Ubuntu keeps them on mirrors of their own, so there it must be given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
  "") ;;
  --help | -h)
    sed -n '2,/^set/s/^# \{0,1\}//p' tools/aarch64_sysroot.sh
    exit 0
    ;;
  *)
    echo "aarch64_sysroot: $1 is not an option; see bash tools/aarch64_sysroot.sh --help" >&2
    exit 2
    ;;
esac

sysroot=$PWD/build/aarch64-sysroot
packages=(libhdf5-dev liblzf-dev libeigen3-dev libhwy-dev libcli11-dev libgtest-dev libgmock-dev libgomp1)
[[ $(cat "$sysroot/complete" 2>/dev/null) != "${packages[*]}" ]] || exit 0

# The cross compiler brings the headers of the C library; a second set would only get in its way.
left_out='^(libc6-dev|libc-dev-bin|linux-libc-dev|libcrypt-dev|libnsl-dev|libtirpc-dev|rpcsvc-proto|pkgconf.*|pkg-config)$'

source /etc/os-release
mirror=${UPCONV_ARM64_MIRROR:-}
case $ID in
  debian)
    mirror=${mirror:-$(apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" | head -n 1)}
    components=main keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    ;;
  ubuntu) components="main universe" keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg ;;
esac
if [[ -z $mirror ]]; then
  echo "aarch64_sysroot: set UPCONV_ARM64_MIRROR to a mirror with arm64 packages, or unpack the arm64 builds of" \
    "${packages[*]} into $sysroot" >&2
  exit 1
fi

rm -rf "$sysroot"
apt=$sysroot/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: >"$apt/status"
echo "deb [arch=arm64 signed-by=$keyring] $mirror $VERSION_CODENAME $components" >"$apt/sources.list"
# apt with a world of its own, in which nothing is installed yet and the machine is an arm64.
arm64=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Retries=3 -o "Dir::State=$apt"
  -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt" -o "Dir::Etc::sourcelist=$apt/sources.list"
  -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root)

echo "aarch64_sysroot: fetching from $mirror"
apt-get "${arm64[@]}" update
mapfile -t names < <(apt-get "${arm64[@]}" --simulate install --no-install-recommends "${packages[@]}" |
  awk '/^Inst/ {print $2}' | grep --invert-match --extended-regexp "$left_out")
(cd "$apt/archives" && apt-get "${arm64[@]}" download "${names[@]}")
for package in "$apt"/archives/*.deb; do
  dpkg-deb --extract "$package" "$sysroot"
done
rm -rf "$apt"
echo "${packages[*]}" >"$sysroot/complete"
echo "aarch64_sysroot: ${#names[@]} packages, $(du -sh "$sysroot" | cut -f1)"
