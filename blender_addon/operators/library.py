"""The library of moves: written and listed, added to, and what is dropped from it taken up."""

from pathlib import Path

from ..scene.cameras import reference_of_scene
from ..scene.example_moves import MOVES, example_shot
from ..scene.move_library import LIBRARY, dropped_references, register_library, take_up, write_assets
from ..scene.reference_camera import describe_shot, film_of_reference, shot_of_reference, whole_shot
from ..steps import DirectOperator
from ..stubs import Context
from .polls import needs_reference


class PARASCALE_OT_add_moves(DirectOperator):
    """Put twelve moves into an asset library of their own: drag one from an Asset Browser onto the viewport"""

    bl_idname = "parascale.add_moves"
    bl_label = "Library of Moves"

    def run(self, context: Context) -> None:
        moves = [(example_shot(name), move.description, None) for name, move in MOVES.items()]
        written = write_assets(context.scene, moves)
        register_library()
        self.report({"INFO"}, f"{len(written)} moves are in the asset library {LIBRARY}: drag one onto the viewport")


class PARASCALE_OT_save_as_asset(DirectOperator):
    """Put the reference into the asset library of moves, with its clip, for other files"""

    bl_idname = "parascale.save_as_asset"
    bl_label = "Save as Asset"
    needs = (needs_reference,)

    def run(self, context: Context) -> None:
        camera = reference_of_scene(context.scene)
        shot = whole_shot(camera)
        film = film_of_reference(camera)
        (path,) = write_assets(context.scene, [(shot, describe_shot(shot), None if film is None else Path(film))])
        register_library()
        self.report({"INFO"}, f"{shot.name} is in the asset library {LIBRARY}, as {path.stem}")


class PARASCALE_OT_take_up_moves(DirectOperator):
    """Make what was dropped from the library of moves the reference"""

    bl_idname = "parascale.take_up_moves"
    bl_label = "Use Dropped Move"
    bl_options = {"UNDO", "INTERNAL"}

    def run(self, context: Context) -> None:
        for camera in dropped_references(context.scene):
            take_up(context.scene, camera)
            self.report({"INFO"}, describe_shot(shot_of_reference(camera)))
