"""Defects of moving webs, strips and coatings, drawn with the web running from top to bottom.

Each painter returns a coverage map; below 0 it turns bright to dark and dark to bright, as the two flanks of a dent do.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.imaging.paint_shapes import Coverage, blob, polygon, polyline, smooth_noise


def inclusion(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a sliver that rolling has drawn out along the web, ragged at its ends."""
    height, width = pixels.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    long, wide = height * generator.uniform(0.2, 0.45), width * generator.uniform(0.015, 0.05)
    lean = float(generator.normal(0, 0.03))
    along = (rows - height / 2) / np.float32(long)
    across = (columns - width / 2 - np.float32(lean) * (rows - height / 2)) / np.float32(wide)
    distance = np.hypot(along, across) + 0.35 * smooth_noise(generator, scale_px=6.0, height=height, width=width)
    return cast(Coverage, np.clip((1.0 - distance) / 0.5 + 0.5, 0.0, 1.0).astype(np.float32))


def dent(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a dent under light from one side: one flank dark, the other bright."""
    height, width = pixels.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = min(height, width) * generator.uniform(0.05, 0.12)
    along = (rows - height / 2) / np.float32(radius * generator.uniform(0.8, 1.4))
    across = (columns - width / 2) / np.float32(radius)
    tilt = generator.uniform(-0.6, 0.6)
    slope = (along * np.cos(tilt) + across * np.sin(tilt)) * np.exp(0.5 - (along**2 + across**2) / 2)
    return cast(Coverage, slope.astype(np.float32))


def wrinkle(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a few parallel folds that run obliquely down the web, bright beside dark, and fade at their ends."""
    height, width = pixels.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    lean = float(generator.choice([-1, 1]) * generator.uniform(0.15, 0.6))
    wavy = width * 0.03 * smooth_noise(generator, scale_px=height / 3, height=height, width=width)
    across = columns - width / 2 - np.float32(lean) * (rows - height / 2) + wavy
    pitch = width * generator.uniform(0.08, 0.16)
    bundle = np.exp(-((across / np.float32(pitch * generator.uniform(0.7, 1.6))) ** 2))
    ends = np.clip(1.2 - np.abs(rows - height / 2) / (0.42 * height), 0.0, 1.0)
    return cast(Coverage, (np.sin(across * np.float32(2 * np.pi / pitch)) * bundle * ends).astype(np.float32))


def coating_void(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a spot that the coating did not wet: a sharp round outline with a soft tail downweb."""
    height, width = pixels.shape
    radius = min(height, width) * generator.uniform(0.05, 0.14)
    centre = (width / 2, height * 0.35)
    spot = blob(
        generator, centre=centre, radii=(radius, radius), softness=0.25, roughness=0.06, height=height, width=width
    )
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    behind = (rows - np.float32(centre[1])) / np.float32(radius)
    narrow = np.exp(-(((columns - np.float32(centre[0])) / np.float32(0.6 * radius)) ** 2))
    tail = 0.5 * narrow * np.exp(-np.maximum(behind, 0) / 1.6) * (behind > 0)
    return cast(Coverage, np.maximum(spot, tail).astype(np.float32))


def abrasion(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a field of many fine rubs along the web."""
    height, width = pixels.shape
    coverage = np.zeros((height, width), np.float32)
    spread = width * generator.uniform(0.08, 0.2)
    for _ in range(int(generator.integers(8, 20))):
        column = float(np.clip(width / 2 + generator.normal(0, spread), 3, width - 4))
        long = height * generator.uniform(0.12, 0.45)
        top = float(np.clip(height / 2 + generator.normal(0, 0.12 * height) - long / 2, 2, height - long - 3))
        ends = np.array([[column, top], [column + generator.normal(0, 1.5), top + long]])
        rub = polyline(ends, width_px=generator.uniform(0.7, 1.4), height=height, width=width)
        np.maximum(coverage, rub * np.float32(generator.uniform(0.5, 1.0)), out=coverage)
    return coverage


def hole(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a torn hole of a tenth of the patch."""
    height, width = pixels.shape
    radius = min(height, width) * generator.uniform(0.05, 0.11)
    return blob(
        generator,
        centre=(width / 2, height / 2),
        radii=(radius, radius * generator.uniform(0.6, 1.0)),
        softness=0.15,
        roughness=0.2,
        height=height,
        width=width,
    )


def edge_nick(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a piece broken out of the left edge."""
    height, width = pixels.shape
    half, deep = height * generator.uniform(0.12, 0.3), width * generator.uniform(0.15, 0.45)
    places = np.sort(generator.uniform(-1, 1, 7))
    inward = deep * (1 - places**2) * generator.uniform(0.6, 1.2, 7)
    # The outline begins far outside, so that the blur of the optics does not leave a rim on the edge.
    outline = np.vstack([[-9.0, -1.1 * half], np.stack([inward, places * half], axis=1), [-9.0, 1.1 * half]])
    outline[:, 1] += height / 2
    return polygon(outline, height=height, width=width)
