"""Figures as files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from parascale.files.disk import MARK, replace_files


def save_figure(figure: Figure, path: Path, dpi: int) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi, metadata={"Software": f"{MARK} figure"})
    replace_files({path: picture.getvalue()})
