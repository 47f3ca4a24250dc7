#!/bin/bash
# test_in_background.sh ROOT ARGUMENTS   Run pytest inside the background Blender of the Debian in a folder (window_root.sh), with
# such arguments. The checkout and /tmp lie in it at their own places; what runs this checkout's Python runs outside. Skips where
# there is no such Debian, or nothing can be mounted.
set -euo pipefail
root=$(realpath "$1")
shift
skip() {
  echo "skipped: tests/addon in a background Blender ($1)"
  exit 0
}
[ -e "$root/ready" ] || skip "$root is not made: see tools/window_root.sh"
unshare --mount mount --bind "$root" "$root" 2>/dev/null || skip "nothing can be mounted here"

python=$(readlink -f .venv/bin/python)
mkdir -p "$root/outside" "$root$PWD" "$root$(dirname "$python")"
cat >"$root$python" <<END
#!/bin/sh
exec chroot /outside env -C "$PWD" "$PWD/.venv/bin/python" "\$@"
END
chmod +x "$root$python"
resources=$(mktemp -d)
trap 'rm -rf "$resources"' EXIT

inside() {
  mount --rbind / "$root/outside"
  mount --bind /tmp "$root/tmp"
  mount --bind "$PWD" "$root$PWD"
  mount --rbind /proc "$root/proc"
  chroot "$root" env -C "$PWD" BLENDER_USER_RESOURCES="$resources" PYTHONDONTWRITEBYTECODE=1 \
    blender --background --python-exit-code 3 --python tools/pytest_in_blender.py -- "$@"
}
export -f inside
export root resources
unshare --mount bash -euc 'inside "$@"' inside "$@"
