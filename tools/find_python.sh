#!/bin/sh
# Print a Python that has a bpy wheel: of the line asked for ("3.11", "3.13"), or 3.11 first and else 3.13.
# Candidates are run, not trusted: a pyenv shim stands on PATH for versions that are not installed.
for version in ${1:-3.11 3.13}; do
  for python in "python$version" /usr/bin/python$version /usr/local/bin/python$version "${PYENV_ROOT:-$HOME/.pyenv}"/versions/$version.*/bin/python; do
    if "$python" -c "import sys, venv, ensurepip; assert sys.version_info[:2] == ($(echo "$version" | tr . ,))" 2>/dev/null; then
      command -v "$python"
      exit 0
    fi
  done
done
echo "No Python ${1:-3.11 or 3.13} with venv was found; Blender's bpy module exists for 3.11 and 3.13: install one of them." >&2
exit 1
