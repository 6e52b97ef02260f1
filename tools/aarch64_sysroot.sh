#!/usr/bin/env bash
# aarch64_sysroot.sh FOLDER: makes an emulated ARM board to run the project on.
#
# Leaves in FOLDER a Debian root with an aarch64 Python 3.11, the wheels that
# KeywordSpotter needs (and no TensorFlow), the processor description of a board
# with four Cortex-A53 cores, and the project's native library, cross-compiled.
# Takes a minute at first; afterwards only what changed is made again. The
# system's own packages are not touched. tools/run_aarch64.sh runs it.
#
# Needs Debian 12 with qemu-user and g++-aarch64-linux-gnu, and a Python with
# pip and setuptools (PYTHON, by default python3).
set -euo pipefail

folder=$(realpath -m "${1:?usage: aarch64_sysroot.sh FOLDER}")
repository=$(realpath "$(dirname "$0")/..")
python=${PYTHON:-python3}

wheels=(ai-edge-litert==2.1.6 numpy==1.26.4 flatbuffers==25.12.19 soxr==1.1.0)

# made NAME INPUT: whether NAME was made from INPUT.
made() {
  [[ -f $folder/$1.made && $(<"$folder/$1.made") == "$2" ]]
}

make_wheels() {
  local target=$folder/wheels download=$folder/download
  rm -rf "$target" "$download"
  "$python" -m pip download -qq --disable-pip-version-check --no-deps \
    --only-binary=:all: --python-version 311 --platform manylinux_2_28_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 \
    --platform manylinux2014_aarch64 --dest "$download" "${wheels[@]}"
  local wheel
  for wheel in "$download"/*.whl; do
    "$python" -m zipfile -e "$wheel" "$target"
  done
  rm -rf "$download"
}

# Libraries choose their kernels by what they find here: without it XNNPACK does
# not know the core, and later versions of ai-edge-litert crash.
make_board() {
  local root=$folder/root cores=4 core
  local cpus=$root/sys/devices/system/cpu
  mkdir -p "$root/proc" "$cpus"
  for ((core = 0; core < cores; core++)); do
    cat <<EOF
processor	: $core
BogoMIPS	: 38.40
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd03
CPU revision	: 4

EOF
  done > "$root/proc/cpuinfo"
  put() { # put VALUE FILE...: writes the value to every file.
    local value=$1 file
    shift
    for file in "$@"; do
      mkdir -p "$(dirname "$file")"
      echo "$value" > "$file"
    done
  }
  put "0-$((cores - 1))" "$cpus"/{possible,present,online}
  put "$((cores - 1))" "$cpus/kernel_max"
  for ((core = 0; core < cores; core++)); do
    local cpu=$cpus/cpu$core
    put 0 "$cpu"/topology/{physical_package_id,cluster_id}
    put "0-$((cores - 1))" \
      "$cpu"/topology/{cluster_cpus_list,core_siblings_list,package_cpus_list}
    put "$core" "$cpu"/topology/{core_id,thread_siblings_list}
    put 1400000 "$cpu/cpufreq/cpuinfo_max_freq"
    put 600000 "$cpu/cpufreq/cpuinfo_min_freq"
    local index=0 level size type shared
    while read -r level size type shared; do
      local cache=$cpu/cache/index$index
      put "$level" "$cache/level"
      put "$size" "$cache/size"
      put "$type" "$cache/type"
      put "$shared" "$cache/shared_cpu_list"
      put 64 "$cache/coherency_line_size"
      index=$((index + 1))
    done <<EOF
1 32K Data $core
1 32K Instruction $core
2 512K Unified 0-$((cores - 1))
EOF
  done
}

# Setuptools compiles only if a source changed.
make_library() {
  (
    cd "$repository"
    export CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++
    export LDSHARED="aarch64-linux-gnu-gcc -shared"
    export LDCXXSHARED="aarch64-linux-gnu-g++ -shared"
    export _PYTHON_HOST_PLATFORM=linux-aarch64
    "$python" -W ignore setup.py --quiet build_ext \
      --build-temp "$folder/build" --build-lib "$folder/library"
  )
}

command -v qemu-aarch64 aarch64-linux-gnu-g++ > /dev/null || {
  echo "aarch64_sysroot.sh: apt-get install qemu-user g++-aarch64-linux-gnu" >&2
  exit 1
}
mkdir -p "$folder"
recipe=$(sha256sum < "$repository/tools/aarch64_root.sh")
if ! made root "$recipe"; then
  "$repository/tools/aarch64_root.sh" "$folder/root" bookworm
  make_board
  echo "$recipe" > "$folder/root.made"
fi
if ! made wheels "${wheels[*]}"; then
  make_wheels
  echo "${wheels[*]}" > "$folder/wheels.made"
fi
make_library
