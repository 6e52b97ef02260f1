#!/usr/bin/env bash
# aarch64_root.sh FOLDER SUITE: the aarch64 Python of a Debian, without booting.
#
# Unpacks the packages of Debian 12 (bookworm) or 13 (trixie) that its Python
# needs, and its pip, into FOLDER, which is made anew. They come from where this
# machine's own packages do, and touch none of those. qemu-aarch64 -L runs it.
set -euo pipefail

root=$(realpath -m "${1:?usage: aarch64_root.sh FOLDER SUITE}")
suite=${2:?usage: aarch64_root.sh FOLDER SUITE}
case $suite in
  bookworm) version=3.11 ssl=libssl3 ;;
  trixie) version=3.13 ssl=libssl3t64 ;;
  *) echo "aarch64_root.sh: bookworm or trixie, not $suite" >&2; exit 1 ;;
esac
packages=(
  libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 "$ssl" libbz2-1.0
  liblzma5 libsqlite3-0 libuuid1 libcrypt1 python3-pip-whl
  "libpython$version-minimal" "libpython$version-stdlib"
  "python$version-minimal"
)

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt"/{lists/partial,cache/archives/partial,packages,sources}
: > "$apt/status"
: > "$apt/sources.list"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  if [[ -f $file ]]; then
    # shellcheck disable=SC1091
    own=$(. /etc/os-release && echo "$VERSION_CODENAME")
    name=$(basename "$file")
    [[ $name == sources.list ]] || name=sources/$name
    sed "s/\b$own\b/$suite/g" "$file" > "$apt/$name"
  fi
done
cat > "$apt/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Acquire::Languages "none";
APT::Sandbox::User "root";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/sources";
EOF
(
  export APT_CONFIG=$apt/apt.conf
  cd "$apt/packages"
  apt-get -qq update
  apt-get -qq download "${packages[@]}"
)
rm -rf "$root"
mkdir -p "$root"
for package in "$apt"/packages/*.deb; do
  dpkg -x "$package" "$root"
done
# Since Debian 13 another package has this link.
[[ -e $root/lib ]] || ln -s usr/lib "$root/lib"
