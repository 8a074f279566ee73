#!/usr/bin/env bash
# Puts SwiftShader, a Vulkan driver that computes on the processor, and Vulkan's loader into
# .cache/swiftshader/, so that WebGPU can be tested without a GPU and without a display. Both
# are in Debian's package chromium-common, and no root is needed. Where they can't be had it says so, and the
# tests that need them are skipped. Safe to repeat: what is there stays.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
place="$root/.cache/swiftshader"

if [ -e "$place/vk_swiftshader_icd.json" ]; then
  echo "SwiftShader: up to date"
  exit
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# apt's own sandbox user has to be able to write there.
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache" "$work/unpacked"
cd "$work"

# The lists of packages may be absent, as in a fresh container: they are then fetched into a place of ours.
own=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
fetch() { apt-get "$@" download -qq chromium-common; }
if ! { fetch || { apt-get "${own[@]}" update -qq && fetch "${own[@]}"; }; } >"$work/log" 2>&1; then
  echo "SwiftShader: LEFT OUT, Debian's package chromium-common can't be had here; the WebGPU tests will be skipped:"
  tail -n 3 "$work/log"
  exit
fi
dpkg -x ./chromium-common_*.deb "$work/unpacked"
mkdir -p "$place"
# The file that names the driver comes last, so that an installation that broke off is made again.
for name in libvulkan.so.1 libvk_swiftshader.so vk_swiftshader_icd.json; do
  cp -L "$work/unpacked/usr/lib/chromium/$name" "$place/"
done
echo "SwiftShader: ready"
