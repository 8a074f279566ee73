#!/usr/bin/env bash
# Makes the Python environments that the Kaggle notebooks are tested in, one a file of
# test/kaggle/environments, in .cache/kaggle/. The file's name ends in the Python it wants;
# one that this machine lacks is left out, loudly. Safe to repeat: what is up to date stays.
#
#   test/kaggle/environments.sh [NAME...]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
place="$root/.cache/kaggle"

# A Python of one version: on the PATH, or one that pyenv has.
find_python() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

make_environment() {
  local name="$1" pins="$here/environments/$1.txt" version python
  version="$(sed 's/.*-py3\(.*\)/3.\1/' <<<"$name")"
  if cmp -s "$pins" "$place/$name/pins.txt"; then
    echo "$name: up to date"
    return
  fi
  if ! python="$(find_python "$version")"; then
    echo "$name: LEFT OUT, there is no Python $version here; its tests will be skipped"
    return
  fi
  rm -rf "${place:?}/$name"
  "$python" -m venv "$place/$name"
  "$place/$name/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r "$pins"
  "$place/$name/bin/pip" check --disable-pip-version-check
  # Last, so that an installation that broke off is made again.
  cp "$pins" "$place/$name/pins.txt"
  echo "$name: ready"
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in "$here"/environments/*.txt; do names+=("$(basename "$file" .txt)"); done
fi
mkdir -p "$place"
# Side by side: most of the time goes into waiting for the network.
pids=()
for name in "${names[@]}"; do
  make_environment "$name" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
