#!/bin/bash
# test_in_blender.sh ENVIRONMENT TESTS...   Run tests in a bare Blender, where there is one.
set -euo pipefail
environment=$1; shift
if [ ! -x "$environment/bin/python" ]; then
  echo "skipped: $* in $environment (its Python is not on this machine)"
  exit 0
fi
exec "$environment/bin/python" -m pytest "$@"
