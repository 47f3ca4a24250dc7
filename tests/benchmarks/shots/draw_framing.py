"""The picture of docs/framing.md: an orbit and a crane, verbatim and as a shot.

Run: python tests/benchmarks/shots/draw_framing.py FILE
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench_shots import SETTINGS, film, open_stage
from PIL import Image
from shot_pictures import contact_sheet

from parascale.blender.camera import view_of_camera
from parascale.parallax.calibrate import calibrate
from parascale.parallax.composition import TargetFacts

# A move, and the target it is carried into.
SHOWN = (("orbit", "walker"), ("crane", "interior"))
METHODS = ("verbatim", "shot")


def main() -> None:
    """Render both contact sheets, one below the other."""
    sheets = []
    with tempfile.TemporaryDirectory() as folder:
        for move, target in SHOWN:
            shot = film(move)
            scene, depth = open_stage(target)
            assert scene.camera is not None
            anchor, facts = view_of_camera(scene, scene.camera), TargetFacts((0, 0, 1), surroundings=depth)
            results = {name: calibrate(shot, depth, anchor, SETTINGS[name], unit="m", facts=facts) for name in METHODS}
            path = Path(folder) / f"{target}.png"
            contact_sheet(scene, results, path)
            sheets.append(Image.open(path).convert("RGB"))
            for name, result in results.items():
                report = result.report
                print(
                    f"{move} into {target}, {name}: roll {report.roll_error:.1f}, bend {report.largest_bend:.0f}, "
                    f"through a surface in {len(report.crossings)} steps"
                )
    whole = Image.new("RGB", (sheets[0].width, sum(sheet.height for sheet in sheets)))
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    whole.save(sys.argv[1], quality=85)


if __name__ == "__main__":
    main()
