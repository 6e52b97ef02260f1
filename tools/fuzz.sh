#!/usr/bin/env bash
# Fuzzes models and ops with gcc's sanitizers, for a time from a seed:
#
#   tools/fuzz.sh MINUTES [SEED] [FOLDER]
#
# Half of the time damaged models are given to the delegate, the spotter and the
# library's own engine, half of it wrong graphs to the ops. FOLDER, by default
# .cache/fuzz, keeps what is found. The same seed gives the same inputs; a night
# has another one: by default the date.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=$1
seed=${2:-$(date +%Y%m%d)}
folder=${3:-.cache/fuzz}
python=${PYTHON:-.venv/bin/python}
build=.cache/sanitized
mkdir -p "$folder"

BIFSMN_SANITIZE=address,undefined "$python" -W ignore setup.py -q build_ext \
  --build-lib "$build/library" --build-temp "$build/build"
export ASAN_OPTIONS=detect_leaks=0
echo "seed $seed"
failed=0
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so.6)" \
  BIFSMN_LIBRARY=$build/library/bifsmn_tf/runtime/libbifsmn.so \
  PYTHONPATH=$PWD "$python" tests/fuzz/model_fuzzer.py --seed="$seed" \
  --minutes="$(awk "BEGIN{print $minutes / 2}")" --findings="$folder" || failed=1

sources=$("$python" - << 'PYTHON'
import runpy
sources = runpy.run_path("custom_ops/sources.py")["SOURCES"]
for part in ("kernels", "ops", "engine", "delegate"):
    for name in sources[part]:
        print(".cache/sanitized/build/" + name.rpartition(".")[0] + ".o")
PYTHON
)
g++ -std=c++17 -O1 -I. -fsanitize=address,undefined -fno-sanitize-recover=all \
  tests/fuzz/*.cc $sources -o "$folder/op_fuzzer"
end=$(($(date +%s) + minutes * 30))
number=$((seed * 1000003))
while [ "$(date +%s)" -lt "$end" ]; do
  "$folder/op_fuzzer" 500 "$number" > "$folder/ops.txt" || { failed=1; break; }
  number=$((number + 500))
done
echo "ops: $((number - seed * 1000003)) graphs"
exit $failed
