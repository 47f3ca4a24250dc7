"""Take a shot to 16 frames a second and 4 n + 1 frames, and write its Plücker maps: SHOT MAPS."""

import sys

import numpy as np

import parascale

reference, maps = sys.argv[1:]
shot = parascale.match_rate(parascale.read_shot(reference), 16, multiple_of=4, plus=1)
planes = np.asarray(parascale.plucker_maps(shot.trajectory))
np.save(maps, planes)

print(shot)
print("Plücker maps", planes.shape, planes.dtype)
