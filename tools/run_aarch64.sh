#!/usr/bin/env bash
# run_aarch64.sh FOLDER ARGUMENTS...: runs Python on an emulated Cortex-A53.
#
# FOLDER is what tools/aarch64_sysroot.sh made; the arguments go to Python 3.11,
# which sees this checkout and the cross-compiled native library:
#
#     tools/run_aarch64.sh FOLDER -c 'import platform; print(platform.machine())'
set -euo pipefail

folder=$(realpath "${1:?usage: run_aarch64.sh FOLDER ARGUMENTS...}")
repository=$(realpath "$(dirname "$0")/..")
shift

export PYTHONPATH=$folder/wheels:$repository${PYTHONPATH:+:$PYTHONPATH}
# The checkout stays free of this Python's cache, which makes imports quick.
export PYTHONPYCACHEPREFIX=$folder/pycache
export BIFSMN_LIBRARY=$folder/library/bifsmn_tf/runtime/libbifsmn.so
unset PYTHONHOME

# The CPU is named because qemu's default one has SVE and SME, which no board of
# this class has and XNNPACK would use.
exec qemu-aarch64 -cpu cortex-a53 -L "$folder/root" \
  "$folder/root/usr/bin/python3.11" "$@"
