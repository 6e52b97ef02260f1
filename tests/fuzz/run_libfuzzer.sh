#!/usr/bin/env bash
# Fuzzes the ops with libFuzzer (Debian: clang, libclang-rt-dev):
#
#   tests/fuzz/run_libfuzzer.sh FOLDER [libFuzzer's options]
#
# FOLDER keeps the program, the corpus and what is found. Ends at the first
# finding; -max_total_time=600 ends it after ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
shift
mkdir -p "$folder/corpus" "$folder/findings"

sources=$(python3 - << 'PYTHON'
import runpy
sources = runpy.run_path("custom_ops/sources.py")["SOURCES"]
print(*sources["kernels"], *sources["ops"], *sources["engine"])
PYTHON
)
clang++ -std=c++17 -O1 -g -I. -ffp-contract=off \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  $sources \
  tests/fuzz/{op_{fuzzer,graph,describer},tensor_maker}.cc -o "$folder/op_fuzzer"
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} "$folder/op_fuzzer" \
  "$folder/corpus" -artifact_prefix="$folder/findings/" \
  -max_len=400 -len_control=0 -timeout=60 -rss_limit_mb=4096 "$@"
