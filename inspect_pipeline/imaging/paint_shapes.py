"""Antialiased coverage maps, f32 (h, w) in 0..1, of which painted defects are made."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.float32]
_FINER = 4  # lines and polygons are drawn on a grid this much finer, then averaged down
_OPTICS_BLUR_PX = 0.7  # no lens draws a sharper edge


def polyline(points: NDArray[np.float64], *, width_px: float, height: int, width: int, taper: float = 0.0) -> Coverage:
    """Return a line through ``points`` (n, 2) as (x, y); with ``taper`` 1 it thins out to nothing at its end."""
    canvas = np.zeros((height * _FINER, width * _FINER), np.uint8)
    corners = np.rint(points * _FINER).astype(np.int32)
    for index in range(len(corners) - 1):
        share = 1.0 - taper * index / max(len(corners) - 1, 1)
        thickness = max(round(width_px * _FINER * share), 1)
        start, end = (int(corners[index][0]), int(corners[index][1])), corners[index + 1]
        cv2.line(canvas, start, (int(end[0]), int(end[1])), 255, thickness)
    return _down(canvas, height, width)


def polygon(points: NDArray[np.float64], *, height: int, width: int) -> Coverage:
    """Return the inside of a closed polygon through ``points`` (n, 2) as (x, y)."""
    canvas = np.zeros((height * _FINER, width * _FINER), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * _FINER).astype(np.int32)], 255)
    return _down(canvas, height, width)


def blob(
    generator: np.random.Generator,
    *,
    centre: tuple[float, float],
    radii: tuple[float, float],
    softness: float,
    roughness: float,
    height: int,
    width: int,
) -> Coverage:
    """Return a rough ellipse round ``centre`` (x, y); ``softness`` is the width of its edge over its radius."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = generator.uniform(0, np.pi)
    across, along = columns - np.float32(centre[0]), rows - np.float32(centre[1])
    first = (across * np.cos(turn) + along * np.sin(turn)) / radii[0]
    second = (along * np.cos(turn) - across * np.sin(turn)) / radii[1]
    distance = np.hypot(first, second)
    if roughness > 0:
        distance += roughness * smooth_noise(generator, scale_px=max(min(radii), 2.0), height=height, width=width)
    return cast(Coverage, np.clip((1.0 - distance) / max(softness, 1e-3) + 0.5, 0.0, 1.0).astype(np.float32))


def smooth_noise(generator: np.random.Generator, *, scale_px: float, height: int, width: int) -> Coverage:
    """Return noise of zero mean and about unit deviation whose features are ``scale_px`` large."""
    rows, columns = (max(int(np.ceil(length / scale_px)) + 1, 2) for length in (height, width))
    coarse = generator.standard_normal((rows, columns)).astype(np.float32)
    return cast(Coverage, cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def walk(
    generator: np.random.Generator,
    *,
    start: tuple[float, float],
    heading: float,
    length_px: float,
    step_px: float,
    wander: float,
) -> NDArray[np.float64]:
    """Return a random walk (n, 2) as (x, y) from ``start``; ``wander`` is the deviation of the turn a step, radians."""
    steps = max(int(length_px / step_px), 2)
    # Each turn pulls back towards the first heading: a crack follows its crystal direction and does not curl up.
    drift, headings = 0.0, []
    for turn in generator.normal(0.0, wander, steps):
        drift = 0.7 * drift + turn
        headings.append(heading + drift)
    moves = step_px * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return np.vstack([start, np.asarray(start) + np.cumsum(moves, axis=0)])


def _down(canvas: NDArray[np.uint8], height: int, width: int) -> Coverage:
    averaged = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return cast(Coverage, cv2.GaussianBlur(averaged, (0, 0), _OPTICS_BLUR_PX))
