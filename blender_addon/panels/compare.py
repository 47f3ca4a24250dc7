"""Pictures of what the reference looks like carried over in three ways, with what is known of each."""

from parascale.parallax.verdict import MAX_ROLL

from ..scene.comparison_icons import icons_of_comparison
from ..scene.report import number
from ..scene.shot_comparison import ComparedWay, kept_comparison
from ..settings import settings_of_scene
from ..stubs import Context
from .common import TabPanel, wrapped


class PARASCALE_PT_compare(TabPanel):
    bl_label = "Compare Shots"
    bl_parent_id = "PARASCALE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return settings_of_scene(context.scene).camera is not None

    def draw(self, context: Context) -> None:
        scene = context.scene
        layout = self.layout
        camera = settings_of_scene(scene).camera
        assert camera is not None  # polled
        layout.operator("parascale.compare_shots", icon="IMGDISPLAY")
        kept = kept_comparison(scene, camera)
        if kept is None:
            return
        if kept.outdated:
            wrapped(layout, "Something changed since: compare again", icon="INFO")
        icons, columns = icons_of_comparison(kept), len(kept.frames)
        for index, way in enumerate(kept.ways):
            column = layout.column(align=True)
            if not way["reason"]:
                row = column.row(align=True)
                for icon in icons[index * columns : (index + 1) * columns]:
                    row.template_icon(icon, scale=4.6)
            wrapped(column, words(way))
        frames = ", ".join(map(str, kept.frames))
        wrapped(layout, f"Frames {frames}: a ring where the subject belongs, a dot where it is")


def words(way: ComparedWay) -> str:
    """Say what is known of a way."""
    if way["reason"]:
        return f"{way['label']}: {way['reason']}"
    held, turned = way["subject_held"], way["rot_err"]
    told = "no subject" if held is None else f"subject held {held:.0%}"
    degrees = "unknown" if turned is None else f"{turned:.1f}°"
    rolled = way["roll_error"] or 0.0
    tilted = f", tilts by {rolled:.0f}°" if rolled > MAX_ROLL else ""
    crosses = ", passes through a surface" if way["crosses"] else ""
    return f"{way['label']}: {told}, PCE {number(way['pce'])}, RotErr {degrees}{tilted}{crosses}"
