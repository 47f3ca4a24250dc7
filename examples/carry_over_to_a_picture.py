"""Carry the motion of a shot over to a picture whose depth is known: SHOT DEPTH_MAP RESULT."""

import sys

import parascale

reference, depth_map, result = sys.argv[1:]
shot = parascale.read_shot(reference)
depth = parascale.read_depth_map(depth_map).depth
target = parascale.depth_map_target(depth, shot, fov=None)
found = parascale.calibrate(shot, target.depth, target.anchor, facts=target.facts)
parascale.write_shot(found.shot, result)

print(found.shot)
print(f"PCE {found.report.pce:.2g}; one gain for all frames would leave {found.report.pce_global:.2g}")
