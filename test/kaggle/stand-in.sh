#!/usr/bin/env bash
# Runs a command in a place like a Kaggle notebook's, as far as one can be made without Kaggle:
# /kaggle/input cannot be written, /kaggle/working can, there is no network but the loopback,
# and no Node on the PATH. It needs user namespaces, and no root.
#
#   test/kaggle/stand-in.sh ENVIRONMENT INPUT WORKING COMMAND [ARGUMENT...]
#
# ENVIRONMENT is a Python environment, such as .cache/kaggle/kaggle-py312; INPUT and WORKING
# are the folders that appear as /kaggle/input and /kaggle/working.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --map-root-user --mount --net -- "$0" --inside "$@"
fi
shift
environment="$(realpath "$1")" input="$(realpath "$2")" working="$(realpath "$3")"
shift 3

# Kernels and their clients talk over the loopback, which a new network has, but down.
"$environment/bin/python" - <<'PYTHON'
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
PYTHON

# A root of our own, in which the system's folders stand beside /kaggle.
root="$(mktemp -d)"
mount -t tmpfs -o mode=755 tmpfs "$root"
for entry in /*; do
  target="$root$entry"
  if [ -L "$entry" ]; then
    cp -P "$entry" "$target"
  elif [ -d "$entry" ] && [ "$entry" != /kaggle ]; then
    mkdir "$target"
    mount --rbind "$entry" "$target"
  fi
done
mkdir -p "$root/kaggle/input" "$root/kaggle/working"
mount --bind "$input" "$root/kaggle/input"
mount -o remount,bind,ro "$root/kaggle/input"
mount --bind "$working" "$root/kaggle/working"

# A Node that the system has lies where it is, and can't be run.
path="$environment/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IFS=: read -ra folders <<<"$path"
for folder in "${folders[@]}"; do
  for program in node nodejs npm npx; do
    if [ -e "$root$folder/$program" ]; then mount --bind /dev/null "$root$folder/$program"; fi
  done
done

home="$(mktemp -d)"
status=0
# Its first process is this machine's, whose start says nothing: the session begins now, unless the caller says otherwise.
chroot "$root" /usr/bin/env -i \
  PATH="$path" HOME="$home" LANG=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" \
  LD_LIBRARY_PATH=/usr/local/nvidia/lib64:/usr/local/cuda/lib64 KAGGLE_KERNEL_RUN_TYPE=Batch \
  RAG_CELLS_SESSION_START="${RAG_CELLS_SESSION_START:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}" \
  /bin/sh -c 'cd /kaggle/working && exec "$@"' sh "$@" || status=$?
umount -l "$root"
rmdir "$root"
rm -rf "$home"
exit "$status"
