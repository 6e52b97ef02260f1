#!/usr/bin/env bash
# Runs the C++ tests under Bazel: on this machine, under ASan and UBSan at once,
# and for aarch64 under qemu. What is not installed is skipped by name.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v bazel > /dev/null; then
  echo "SKIPPED: the C++ tests need bazel (apt-get install bazel-bootstrap)"
  exit 0
fi
if [ ! -d /usr/src/googletest ]; then
  echo "SKIPPED: the C++ tests need googletest (apt-get install libgtest-dev)"
  exit 0
fi
trap 'bazel shutdown' EXIT
configurations=("" --config=sanitize)
if command -v qemu-aarch64 > /dev/null &&
  command -v aarch64-linux-gnu-g++ > /dev/null; then
  configurations+=(--config=aarch64)
else
  echo "SKIPPED: the C++ tests on aarch64 need qemu-user and" \
    "g++-aarch64-linux-gnu"
fi
# All of them, though one fails.
failed=0
for configuration in "${configurations[@]}"; do
  bazel test --keep_going $configuration //... || failed=1
done
# Training's loops are chosen by level, not by name: the lower ones, too.
for level in baseline avx2; do
  if [ "$level" = baseline ] || grep -qw "$level" /proc/cpuinfo; then
    bazel test --keep_going "--test_env=BIFSMN_ISA=$level" \
      //custom_ops/training/... || failed=1
  fi
done
exit "$failed"
