"""Read a camera path of any tool and write it for another: PATH RESULT FORMAT."""

import sys

import parascale

path, result, wanted = sys.argv[1:]
found = parascale.read_trajectory(path)
lost = parascale.write_trajectory(found.shot, result, wanted)

print(found.format, "->", wanted, found.shot)
for sentence in (*(notice.message for notice in found.notices), *lost):
    print("note:", sentence)
