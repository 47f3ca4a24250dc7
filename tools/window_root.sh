#!/bin/bash
# window_root.sh FOLDER   Make a Debian of its own in a folder, with a Blender 5.2 or newer, a private X server and what presses its
# buttons. Does nothing where it is made already. Exit 4, with the reason on stderr, where this machine cannot make one.
set -euo pipefail

root=${1:?usage: window_root.sh FOLDER}
packages=blender,xvfb,xauth,xdotool,imagemagick,libgl1-mesa-dri,libegl1,libegl-mesa0
# Debian's Blender imports these without depending on them; pytest runs the add-on's tests in it.
packages+=,python3-numpy,python3-requests,python3-cattr,python3-pytest

cannot() {
  echo "no Blender window: $1" >&2
  exit 4
}

[ -e "$root/ready" ] && exit 0
[ "$(id -u)" = 0 ] || cannot "making its Debian takes root"
[ -e /etc/debian_version ] && command -v apt-get >/dev/null || cannot "this is no Debian, whose packages it is made of"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
command -v mmdebstrap >/dev/null || { apt-get update && apt-get install -y --no-install-recommends mmdebstrap; } >"$log" 2>&1 ||
  cannot "mmdebstrap cannot be installed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"
mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
[ -n "$mirror" ] || cannot "apt's sources name no Debian mirror"

rm -rf "$root"
mkdir -p "$(dirname "$root")"
# Blender 5.2 is in unstable alone. A mirror may be behind its Valid-Until date; signatures are checked all the same.
mmdebstrap --quiet --mode=root --variant=apt --components=main --include="$packages" \
  --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
  sid "$root" "$mirror" >"$log" 2>&1 ||
  { rm -rf "$root"; cannot "its Debian cannot be made: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"; }
mkdir -p "$root/share"
touch "$root/ready"
