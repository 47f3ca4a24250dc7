#!/bin/bash
# test_in_blender.sh ENVIRONMENT [-m MARKS]   Test in a bare Blender, where there is one: the add-on as its zip installs it, with
# what pytest is given, or, where that is nothing, also the room that imports bpy as it stands in this checkout.
set -euo pipefail
environment=$1
shift
if [ ! -x "$environment/bin/python" ]; then
  echo "skipped: tests/addon and tests/blender in $environment (its Python is not on this machine)"
  exit 0
fi
"$environment/bin/python" -m pytest tests/addon "$@"
[ $# -gt 0 ] || PYTHONPATH=backend "$environment/bin/python" -m pytest tests/blender
