"""Defects that are areas: spots, stains, chips, dead regions, rings, belt marks. Each returns a coverage map."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.imaging.paint_shapes import Coverage, blob, polygon, smooth_noise


def dark_spot(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a compact spot of a few per cent of the width, its outline rough."""
    height, width = pixels.shape
    radius = min(height, width) * generator.uniform(0.015, 0.06)
    return blob(
        generator,
        centre=_somewhere(pixels, generator),
        radii=(radius, radius * generator.uniform(0.6, 1.0)),
        softness=generator.uniform(0.3, 1.0),
        roughness=0.12,
        height=height,
        width=width,
    )


def stain(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a large soft cloud, uneven inside."""
    height, width = pixels.shape
    radius = min(height, width) * generator.uniform(0.12, 0.3)
    cloud = blob(
        generator,
        centre=_somewhere(pixels, generator),
        radii=(radius, radius * generator.uniform(0.4, 1.0)),
        softness=generator.uniform(0.7, 1.4),
        roughness=0.3,
        height=height,
        width=width,
    )
    uneven = 0.85 + 0.15 * smooth_noise(generator, scale_px=radius / 4, height=height, width=width)
    return cast(Coverage, np.clip(cloud * uneven, 0, 1))


def pinhole(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return one to three tiny round holes close together."""
    height, width = pixels.shape
    around = _somewhere(pixels, generator)
    coverage = np.zeros((height, width), np.float32)
    for _ in range(int(generator.integers(1, 4))):
        radius = generator.uniform(1.3, 3.2)
        centre = (around[0] + generator.normal(0, 9), around[1] + generator.normal(0, 9))
        hole = blob(
            generator, centre=centre, radii=(radius, radius), softness=0.6, roughness=0.0, height=height, width=width
        )
        np.maximum(coverage, hole, out=coverage)
    return coverage


def edge_chip(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a broken-out piece at one of the four edges."""
    height, width = pixels.shape
    side = int(generator.integers(0, 4))
    along, deep = (width, height) if side % 2 == 0 else (height, width)
    half = along * generator.uniform(0.03, 0.10)
    centre = generator.uniform(0.1, 0.9) * along
    depth = deep * generator.uniform(0.03, 0.12)
    places = np.sort(generator.uniform(-1, 1, 7))
    inward = depth * (1 - places**2) * generator.uniform(0.6, 1.2, 7)
    outline = np.vstack([[-1.2 * half, -2.0], np.stack([places * half, inward], axis=1), [1.2 * half, -2.0]])
    outline[:, 0] += centre
    return polygon(_at_side(outline, side, height, width), height=height, width=width)


def inactive_area(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return a region cut off from the current: bounded by a crooked crack on one side, by the edge on the others."""
    height, width = pixels.shape
    side = int(generator.integers(0, 4))
    along, deep = (width, height) if side % 2 == 0 else (height, width)
    first = generator.uniform(-0.1, 0.6) * along
    last = first + generator.uniform(0.25, 0.55) * along
    places = np.linspace(first, last, 9)
    tent = np.interp(places, [first, first + (last - first) * generator.uniform(0.15, 0.85), last], [0.2, 1.0, 0.2])
    inward = deep * generator.uniform(0.08, 0.28) * tent + generator.normal(0, 2.0, 9)
    outline = np.vstack([[first, -2.0], np.stack([places, inward], axis=1), [last, -2.0]])
    region = polygon(_at_side(outline, side, height, width), height=height, width=width)
    uneven = 0.9 + 0.1 * smooth_noise(generator, scale_px=along / 8, height=height, width=width)
    return cast(Coverage, np.clip(region * uneven, 0, 1))


def water_mark(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return the ring that a dried drop leaves: a dark rim, faintly dark inside."""
    height, width = pixels.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = _somewhere(pixels, generator)
    radius = min(height, width) * generator.uniform(0.05, 0.17)
    squash = generator.uniform(0.75, 1.0)
    distance = np.hypot(columns - np.float32(x), (rows - np.float32(y)) / squash)
    distance += radius * 0.06 * smooth_noise(generator, scale_px=radius / 2, height=height, width=width)
    thickness = radius * generator.uniform(0.06, 0.14) + 0.8
    rim = np.exp(-0.5 * ((distance - radius) / thickness) ** 2)
    inside = 0.35 * np.clip((radius - distance) / thickness + 0.5, 0, 1)
    return cast(Coverage, np.maximum(rim, inside).astype(np.float32))


def belt_mark(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
    """Return the print of a conveyor belt: soft patches at an even pitch along one row."""
    height, width = pixels.shape
    pitch = width * generator.uniform(0.09, 0.18)
    row, start = height * generator.uniform(0.1, 0.9), width * generator.uniform(0.05, 0.4)
    radii = (pitch * generator.uniform(0.2, 0.32), height * generator.uniform(0.02, 0.05))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    coverage = np.zeros((height, width), np.float32)
    for number in range(int(generator.integers(3, 7))):
        across = (columns - np.float32(start + number * pitch)) / radii[0]
        along = (rows - np.float32(row + generator.normal(0, 1))) / radii[1]
        patch = np.exp(-((across**2 + along**2) ** 2)) * generator.uniform(0.7, 1.0)
        np.maximum(coverage, patch.astype(np.float32), out=coverage)
    return coverage


def _somewhere(pixels: NDArray[np.uint8], generator: np.random.Generator) -> tuple[float, float]:
    """Return a point (x, y) away from the border."""
    height, width = pixels.shape
    return width * float(generator.uniform(0.12, 0.88)), height * float(generator.uniform(0.12, 0.88))


def _at_side(outline: NDArray[np.float64], side: int, height: int, width: int) -> NDArray[np.float64]:
    """Return an outline given as (along, inward) in (x, y) at the top, right, bottom or left edge (0 to 3)."""
    along, inward = outline[:, 0], outline[:, 1]
    pairs = [(along, inward), (width - inward, along), (along, height - inward), (inward, along)]
    return np.stack(pairs[side], axis=1)
