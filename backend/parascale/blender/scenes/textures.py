"""Generated pictures: tileable, with detail at every scale, packed into the file. All take a seeded generator."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from parascale.types import Array

Generator = np.random.Generator


def noise(rng: Generator, size: int = 512, slope: float = 1.0, stretch: float = 1.0) -> Array:
    """Tileable noise of a power-law spectrum, (size, size) in 0 .. 1 with median 0.5.

    Amplitude falls as frequency to the power of ``slope``: 0 is white, 1 natural, 2 clouds. A ``stretch`` above 1 draws
    the pattern out along x.
    """
    field = np.roll(_field(size, slope, stretch), tuple(rng.integers(size, size=2)), axis=(0, 1))
    flips = rng.choice([-1, 1], size=2).tolist()
    return np.array(field[:: flips[0], :: flips[1]])


@lru_cache(maxsize=64)
def _field(size: int, slope: float, stretch: float) -> Array:
    fx, fy = np.meshgrid(np.fft.rfftfreq(size) * stretch, np.fft.fftfreq(size))
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1.0
    white = np.random.default_rng(size).standard_normal((size, size))
    field = np.fft.irfft2(np.fft.rfft2(white) * frequency**-slope, (size, size))
    low, middle, high = np.percentile(field, [2, 50, 98])
    return np.asarray(np.clip(0.5 + 0.5 * (field - middle) / max(high - middle, middle - low), 0, 1))


def ramp(values: Array, *colours: tuple[float, float, float]) -> Array:
    """Map values in 0 .. 1 onto evenly spaced sRGB colours, (..., 3)."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(values, stops, np.array(colours)[:, i]) for i in range(3)], axis=-1)


def tint(rng: Generator, colour: tuple[float, float, float], contrast: float = 0.5, slope: float = 0.8) -> Array:
    """One colour, worn: noise of the given contrast over it."""
    shade = 1 + contrast * (noise(rng, slope=slope) - 0.5) * 2
    speck = 1 + 0.5 * contrast * (noise(rng, slope=0.25) - 0.5)
    return np.asarray(np.clip(np.array(colour) * (shade * speck)[..., None], 0, 1))


def wood(rng: Generator, light: tuple[float, float, float], dark: tuple[float, float, float], planks: int = 4) -> Array:
    """Boards along x, each cut from another place of the grain, with joints between."""
    size = 512
    grain = noise(rng, size, 1.1, 9.0)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * noise(rng, size, 1.8, 6.0) + 3 * grain))
    value = 0.45 * grain + 0.3 * rings + 0.25 * noise(rng, size, 0.4, 5.0)
    height = size // planks
    for plank in range(planks):
        rows = slice(plank * height, (plank + 1) * height)
        value[rows] = np.clip(np.roll(value[rows], rng.integers(size), axis=1) + rng.uniform(-0.14, 0.14), 0, 1)
        if planks > 1:
            value[plank * height : plank * height + 3] *= 0.35
            joint = rng.integers(size - 4)
            value[rows, joint : joint + 3] *= 0.35
    return ramp(value, dark, light)


def bricks(
    rng: Generator, colours: ArrayLike, mortar: tuple[float, float, float], rows: int = 16, columns: int = 8
) -> Array:
    """Courses of bricks or tiles, each its own shade; one texture is ``columns`` bricks wide."""
    size = 512
    y, x = np.mgrid[0:size, 0:size] / size
    row = (y * rows).astype(int)
    across = (x * columns + 0.5 * (row % 2)) % columns
    column = across.astype(int)
    palette = np.asarray(colours, np.float64)
    choice = rng.integers(len(palette), size=(rows, columns))
    picture = palette[choice[row, column]] * rng.uniform(0.75, 1.2, (rows, columns))[row, column][..., None]
    joint = (y * rows % 1 < 0.12) | (across % 1 < 0.12 * columns / rows)
    picture[joint] = mortar
    return np.asarray(np.clip(picture * (0.7 + 0.6 * noise(rng, size, 0.7))[..., None], 0, 1))


def page(rng: Generator, paper: tuple[float, float, float] = (0.93, 0.91, 0.86), lines: int = 30) -> Array:
    """Set a printed page: ragged words, a headline, a picture."""
    size = 512
    picture = tint(rng, paper, 0.08)
    pitch = size // (lines + 2)
    ink = rng.uniform(0.05, 0.25)
    for line in range(1, lines + 1):
        x, top = 30, line * pitch
        tall = pitch // 2 if line > 2 else pitch - 3
        while x < size - 60:
            width = int(rng.integers(8, 44))
            letters = rng.random(width) < 0.72
            block = picture[top : top + tall, x : x + width]
            block[:, letters[: block.shape[1]]] *= ink
            x += width + 9
    left, top = int(rng.integers(40, 240)), int(rng.integers(140, 300))
    photo = ramp(noise(rng, 256, 1.3), tuple(rng.random(3) * 0.4), tuple(rng.random(3)), (1.0, 0.95, 0.8))
    picture[top : top + 140, left : left + 200] = photo[:140, :200]
    return picture


def patches(rng: Generator, colours: ArrayLike, count: int = 60) -> Array:
    """Overlapping rectangles and discs over noise: posters, book covers, screens."""
    size = 512
    palette = np.asarray(colours, np.float64)
    picture = ramp(noise(rng, size, 1.5), tuple(palette[0] * 0.7), tuple(palette[1]))
    for _ in range(count):
        centre, extent = rng.integers(size, size=2), rng.integers(8, 110, size=2)
        (x, y), (w, h) = centre, extent // [1, 2]
        window = slice(max(y - h, 0), min(y + h, size)), slice(max(x - w, 0), min(x + w, size))
        inside = np.ones(picture[window].shape[:2], bool)
        if rng.random() < 0.5:
            v, u = np.mgrid[window]
            inside = np.hypot((u - x) / w, (v - y) / h) < 1
        picture[window][inside] = palette[rng.integers(len(palette))] * rng.uniform(0.6, 1.1)
    return np.asarray(np.clip(picture * (0.85 + 0.3 * noise(rng, size, 0.5))[..., None], 0, 1))


def weave(rng: Generator, colours: ArrayLike, motifs: int = 8) -> Array:
    """Weave a carpet: mirrored motifs in a grid, threads across."""
    size = 512
    palette = np.asarray(colours, np.float64)
    cell = size // motifs
    quarter = rng.integers(len(palette), size=(cell // 8, cell // 8))
    motif = np.kron(quarter, np.ones((4, 4), int))
    motif = np.block([[motif, motif[:, ::-1]], [motif[::-1], motif[::-1, ::-1]]])[:cell, :cell]
    tiles = np.tile(motif, (motifs, motifs))
    shifts = np.kron(rng.integers(len(palette), size=(motifs, motifs)), np.ones((cell, cell), int))
    tiles = (tiles + shifts) % len(palette)
    full = np.zeros((size, size), int)
    full[: tiles.shape[0], : tiles.shape[1]] = tiles
    thread = 0.8 + 0.4 * noise(rng, size, 0.3)
    return np.asarray(np.clip(palette[full] * (thread * (0.75 + 0.5 * noise(rng, size, 1.2)))[..., None], 0, 1))
