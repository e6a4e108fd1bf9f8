"""The episodes of the throughput benchmark: the same images, sizes and rates for everybody."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inspect_pipeline.errors import BadDataError

PIXEL_MEAN, PIXEL_STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
LEAST_CROP = 0.5  # of the area
INNER_RATE, OUTER_RATE = 0.01, 1e-3
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Labelled image files, and the form of an episode; ``dims`` is the length of Conv4's descriptor."""

    paths: tuple[Path, ...]
    labels: list[int]
    names: tuple[str, ...]
    side_px: int
    way: int
    shot: int
    query: int
    inner_steps: int
    seed: int

    @classmethod
    def read(
        cls, folder: Path, *, per_class: int, way: int, shot: int, query: int, inner_steps: int, seed: int
    ) -> Self:
        """Return the first ``per_class`` images of every class that has enough for an episode."""
        found: list[tuple[Path, str]] = []
        for each in sorted(path for path in (folder / "images").iterdir() if path.is_dir()):
            files = sorted(path for path in each.iterdir() if path.suffix.lower() in _SUFFIXES)[:per_class]
            if len(files) >= shot + query:
                found += [(path, each.name) for path in files]
        names = tuple(sorted({name for _, name in found}))
        if len(names) < way:
            raise BadDataError(f"{folder} has {len(names)} classes of {shot + query} images, {way} are needed")
        return cls(
            paths=tuple(path for path, _ in found),
            labels=[names.index(name) for _, name in found],
            names=names,
            side_px=84,
            way=way,
            shot=shot,
            query=query,
            inner_steps=inner_steps,
            seed=seed,
        )

    @property
    def dims(self) -> int:
        """Conv4-64 halves the side four times."""
        return 64 * (self.side_px // 16) ** 2
