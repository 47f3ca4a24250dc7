#!/bin/bash
# setup_venv.sh FOLDER "VERSIONS" demo|dev|blender   Make a virtual environment of the first Python found, with the tested packages.
# "blender" is a bare Blender: bpy and pytest, no parascale of its own; without its Python it is left empty and its tests skip.
set -euo pipefail
folder=$1 versions=$2 kind=$3
if ! python=$(tools/find_python.sh "$versions"); then
  [ "$kind" = blender ] || exit 1
  mkdir -p "$folder"
  exit 0
fi
[ -x "$folder/bin/pip" ] || { rm -rf "$folder"; "$python" -m venv "$folder"; }
line=$("$folder/bin/python" -c 'import sys; print("%d%d" % sys.version_info[:2])')
install() { "$folder/bin/pip" install --quiet --disable-pip-version-check --constraint "constraints/py$line.txt" "$@" 2> >(grep -v '^WARNING: Location' >&2); }
# Only the set of Python 3.11 holds torch and Ray: elsewhere torch brings gigabytes of CUDA, and the tests that need them skip.
case $line in 311) bpy=5.0.1 heavy=,generate,cluster ;; 313) bpy=5.2.3 heavy= ;; esac
echo "Setting up $folder ($kind, Python ${line:0:1}.${line:1}): once, a minute or two"
case $kind in
  demo) install --editable ".[solve,preview,evaluate]" "bpy==$bpy" build ;;
  dev) install --editable ".[solve,preview,evaluate,dev$heavy]" "bpy==$bpy" ;;
  blender) [ "$line" = 313 ] || bpy=4.5.15; install "bpy==$bpy" pytest pytest-timeout hypothesis ;;
esac
