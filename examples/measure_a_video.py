"""Solve a generated video and hold it against the shot it was asked to follow: VIDEO ASKED."""

import sys

import parascale

video, asked = sys.argv[1:]
found = parascale.verify(video, parascale.read_shot(asked))

print(found.shot)
metrics = found.metrics
print(f"PCE {metrics.pce:.3g}, scale gap {metrics.pce_scale_gap:+.3g}, RotErr {metrics.rot_err:.2g} degrees")
