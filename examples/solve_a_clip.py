"""Solve the camera of a clip, and print how it moves and how surely: CLIP SHOT."""

import sys

import numpy as np

import parascale

clip, result = sys.argv[1:]
shot = parascale.solve_clip(clip)
parascale.write_shot(shot, result)

print(shot)
for notice in shot.notices:
    print("note:", notice.message)
p = shot.parallax_number
print(f"P from {np.nanmin(p):.4f} to {np.nanmax(p):.4f}, {np.mean(p > shot.noise_floor):.0%} of the steps above noise")
