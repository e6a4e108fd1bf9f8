"""The synthetic line as it is written: ``synthetic:?frames=20&seed=3&cameras=2``, or its references.

The options are those of ``cameras.synthetic_options``, and two more: ``reference`` (dark or bright: reference captures
for a flat field in place of frames), and ``patches`` (a folder of real images that the texture ``patches`` is made of).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.bootstrap.source_uris import SourceUri
from inspect_pipeline.cameras.drop_folder import DropFolderSettings, open_drop_folder
from inspect_pipeline.cameras.side_by_side import SideBySide
from inspect_pipeline.cameras.synthetic import over_one_web
from inspect_pipeline.cameras.synthetic_options import settings_from
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.rendering import as_rgb8
from inspect_pipeline.services.ports import FrameSource

_OWN = frozenset({"reference", "patches"})


def synthetic_source(uri: SourceUri) -> FrameSource:
    """Return the cameras of the synthetic line, in fixed turns, or their dark or bright references.

    Raises BadDataError for what cannot be simulated.
    """
    settings = settings_from({name: value for name, value in uri.options.items() if name not in _OWN})
    lines = over_one_web(settings, patches=_patches(uri.options.get("patches")))
    which = uri.options.get("reference")
    if which is None:
        return lines[0] if len(lines) == 1 else SideBySide(lines, live=False)
    if which not in ("dark", "bright"):
        raise BadDataError(f"source {uri.text!r}: reference is {which!r}; give dark or bright")
    return References(frames=tuple(line.dark_reference if which == "dark" else line.bright_reference for line in lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Reference captures as a source."""

    frames: tuple[Frame, ...]

    @property
    def expected_lines(self) -> int | None:
        """They are no coil."""
        return None

    def __iter__(self) -> Iterator[Capture]:
        """Yield them."""
        return iter(self.frames)


def _patches(folder: str | None) -> list[NDArray[np.uint8]]:
    """Return the images of a folder as u8 grey (h, w). Raises BadDataError for one that cannot be read."""
    if folder is None:
        return []
    patches = []
    for capture in open_drop_folder(Path(folder), DropFolderSettings()):
        if not isinstance(capture, Frame):
            raise BadDataError(f"patches {folder}: {capture.reason}; take it out")
        patches.append(as_rgb8(capture.pixels)[..., 1].copy())
    return patches
