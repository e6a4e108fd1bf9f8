"""Defects that are lines: cracks, scratches, interrupted fingers, fibres. Each returns a coverage map."""

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.imaging.paint_shapes import Coverage, polyline, smooth_noise, walk


def crack(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a branching crack that follows the diagonals, as cleaving silicon does, and thins out."""
    height, width = pixels.shape
    heading = float(generator.choice([1, 3, 5, 7]) * np.pi / 4 + generator.normal(0, 0.25))
    start = (width * generator.uniform(0.15, 0.85), height * generator.uniform(0.15, 0.85))
    length = min(height, width) * generator.uniform(0.2, 0.75)
    thickness = generator.uniform(0.9, 2.2)
    trunk = walk(generator, start=start, heading=heading, length_px=length, step_px=5.0, wander=0.16)
    coverage = polyline(trunk, width_px=thickness, height=height, width=width, taper=0.6)
    for _ in range(int(generator.integers(0, 4))):
        root = trunk[generator.integers(1, len(trunk))]
        branch = walk(
            generator,
            start=(float(root[0]), float(root[1])),
            heading=heading + float(generator.choice([-1, 1]) * generator.uniform(0.5, 1.4)),
            length_px=length * generator.uniform(0.15, 0.5),
            step_px=4.0,
            wander=0.2,
        )
        np.maximum(
            coverage,
            polyline(branch, width_px=0.8 * thickness, height=height, width=width, taper=0.9),
            out=coverage,
        )
    return coverage


def scratch(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return one to three long, nearly straight, parallel lines that come and go along their way."""
    height, width = pixels.shape
    heading = generator.uniform(0, np.pi)
    length = min(height, width) * generator.uniform(0.35, 0.95)
    along = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-along[1], along[0]])
    centre = np.array([width, height]) * generator.uniform(0.3, 0.7, 2)
    positions = np.linspace(-0.5, 0.5, 24)[:, None]
    bow = generator.normal(0, 0.02) * length
    coverage = np.zeros((height, width), np.float32)
    for number in range(int(generator.integers(1, 4))):
        shift = number * generator.uniform(3.0, 7.0) + bow * (1 - 4 * positions**2)
        points = centre + positions * length * generator.uniform(0.7, 1.0) * along + shift * across
        line = polyline(points, width_px=generator.uniform(0.7, 1.5), height=height, width=width)
        np.maximum(coverage, line, out=coverage)
    coming_and_going = 0.75 + 0.3 * smooth_noise(generator, scale_px=length / 6, height=height, width=width)
    faded: Coverage = coverage * np.clip(coming_and_going, 0.25, 1.0)
    return faded


def finger_interruption(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return one to four dark vertical stripes between two busbars, sharp at the break and fading along the finger."""
    height, width = pixels.shape
    top, bottom = _section_between_busbars(pixels, generator)
    middle = width * generator.uniform(0.1, 0.9)
    coverage = np.zeros((height, width), np.float32)
    columns = np.arange(width, dtype=np.float32)
    for _ in range(int(generator.integers(1, 5))):
        centre, half = middle + generator.normal(0, 12), generator.uniform(1.0, 3.5)
        profile = np.clip((half + 1.0 - np.abs(columns - np.float32(centre))) / 2, 0, 1)
        length = (bottom - top) * generator.uniform(0.35, 1.0)
        from_top = bool(generator.uniform() < 0.5)
        start = top if from_top else bottom - length
        rows = (np.arange(height, dtype=np.float32) - np.float32(start)) / np.float32(length)
        fade = np.clip(1.5 - (1 - rows if from_top else rows), 0.5, 1.0)  # full at the break, half at the busbar
        inside = np.clip(np.minimum(rows, 1 - rows) * length / 2, 0, 1)
        np.maximum(coverage, (fade * inside)[:, None].astype(np.float32) * profile, out=coverage)
    return coverage


def fibre(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a thin curled hair lying on the material."""
    height, width = pixels.shape
    points = walk(
        generator,
        start=(width * generator.uniform(0.2, 0.8), height * generator.uniform(0.2, 0.8)),
        heading=generator.uniform(0, 2 * np.pi),
        length_px=min(height, width) * generator.uniform(0.2, 0.5),
        step_px=2.0,
        wander=0.05,
    )
    bend = np.linspace(0, generator.uniform(-2.5, 2.5), len(points))
    steps = np.diff(points, axis=0)
    turned = np.stack(
        [
            steps[:, 0] * np.cos(bend[1:]) - steps[:, 1] * np.sin(bend[1:]),
            steps[:, 0] * np.sin(bend[1:]) + steps[:, 1] * np.cos(bend[1:]),
        ],
        axis=1,
    )
    curled = np.vstack([points[:1], points[0] + np.cumsum(turned, axis=0)])
    return polyline(curled, width_px=generator.uniform(1.2, 2.2), height=height, width=width)


def _section_between_busbars(pixels: NDArray[np.uint8], generator: np.random.Generator) -> tuple[float, float]:
    """Return the rows of one section between dark horizontal bars; thirds of the height where none are seen."""
    height = pixels.shape[0]
    profile = pixels.mean(axis=1)
    typical = np.median(profile)
    bars = np.flatnonzero(profile < 0.85 * typical)
    edges = np.concatenate([[0], bars, [height - 1]])
    gaps = np.diff(edges)
    wide = np.flatnonzero(gaps > height / 12)
    if wide.size == 0:
        third = int(generator.integers(0, 3))
        return third * height / 3, (third + 1) * height / 3
    chosen = int(generator.choice(wide))
    return float(edges[chosen] + 2), float(edges[chosen + 1] - 2)
