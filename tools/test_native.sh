#!/usr/bin/env bash
# Runs the C++ tests under Bazel: on this machine, under ASan and UBSan, and for
# aarch64 under qemu. What is not installed is skipped by name.
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
bazel test //...
bazel test --config=asan //...
bazel test --config=ubsan //...
if command -v qemu-aarch64 > /dev/null &&
  command -v aarch64-linux-gnu-g++ > /dev/null; then
  bazel test --config=aarch64 //...
else
  echo "SKIPPED: the C++ tests on aarch64 need qemu-user and" \
    "g++-aarch64-linux-gnu"
fi
