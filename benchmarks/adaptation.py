"""What goes beyond the closed form, against it: every adaptation on the same draws of data folders, paired.

For every draw the closed form and each adaptation are taught from the same samples and good images and judge the same
test images, at most ``--test`` of either kind; what trains the trunk does so in the first ``--trunk-draws`` draws only.
Each is taken as it is, without the folds that the product judges it in; ``--judge`` also asks the product whether it
would have accepted. Frozen backbone, no meta-training. The file is written after each material, and a run goes on
where it stopped:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.adaptation ../shared/data/leather \
        ../shared/data/bsdata --out benchmarks/results/adaptation.json
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.detect import opened
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.detection_metrics import escape_at, image_auroc
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.statistics import student_interval
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adapted, Deadline
from inspect_pipeline.learning.adapted_teaching import Lesson, adapt_lesson
from inspect_pipeline.learning.adapters import adaptation_names, build_adaptation
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import CLOSED_FORM, DetectorSettings, Promise
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, cut_map
from inspect_pipeline.services.detect_draws import Drawn, DrawSpec, Labelled, draw
from inspect_pipeline.services.examples import annotations, source_of, whole_roi

_NO_LIMIT = timedelta(days=1)
_TRAINS_THE_TRUNK = ("lora",)


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(1)
    document: dict[str, Any] = {"materials": {}}
    if arguments.out.exists():
        document = json.loads(arguments.out.read_text(encoding="utf-8"))
    for folder in arguments.data:
        if folder.name not in document["materials"]:
            document["materials"][folder.name] = Material.read(folder, permuted=arguments.permuted).measured(arguments)
            document |= _origin(document, arguments)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document["summary"], indent=1))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data folders")
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10])
    for name, default in (("normals", 20), ("draws", 4), ("trunk_draws", 1), ("types", 2), ("test", 50), ("seed", 0)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--adaptations", nargs="+", choices=adaptation_names(), default=list(adaptation_names()))
    parser.add_argument("--permuted", action="store_true", help="labels of other images: every figure must be chance")
    parser.add_argument("--judge", action="store_true", help="also whether the product accepts; much slower")
    parser.add_argument("--out", type=Path, required=True, help="the JSON that is written and gone on with")
    return parser.parse_args()


def _origin(document: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    named = ("normals", "draws", "trunk_draws", "types", "test", "seed")
    options = " ".join(f"--{n.replace('_', '-')} {getattr(arguments, n)}" for n in named)
    judge = " --permuted" * arguments.permuted + " --judge" * arguments.judge
    return {
        "command": f"python -m benchmarks.adaptation {' '.join(document['materials'])} --shots "
        f"{' '.join(map(str, arguments.shots))} {options} --adaptations {' '.join(arguments.adaptations)}{judge}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "summary": summary([row for rows in document["materials"].values() for row in rows]),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """The images of one folder with their marks, and the frozen backbone with its descriptors of each image."""

    name: str
    images: Sequence[LabelledImage]
    labelled: Sequence[Labelled]
    backbone: Backbone
    frames: Sequence[FrameRegions]
    maps: Sequence[torch.Tensor]

    @classmethod
    def read(cls, folder: Path, *, permuted: bool) -> "Material":
        """Return the material; ``permuted`` gives every image the marks of another one of its size."""
        with tempfile.TemporaryDirectory() as workspace, opened(Path(workspace)) as house:
            backbone = build_backbone(house.settings.backbone.name, house.backbone_weights())
        images = list(read_data_folder(folder))
        frames = [_frame(image) for image in images]
        frames = _permuted(frames) if permuted else frames
        types = [tuple(sorted({region.defect_type for region in frame.defects})) for frame in frames]
        labelled = [Labelled(types=t, group=frame.group) for t, frame in zip(types, frames, strict=True)]
        maps = [dense_map(backbone, frame.pixels) for frame in frames]
        return cls(name=folder.name, images=images, labelled=labelled, backbone=backbone, frames=frames, maps=maps)

    def measured(self, arguments: argparse.Namespace) -> list[dict[str, Any]]:
        rows = []
        for defect_type, shot, number, drawn in self.draws(arguments):
            lesson = self.lesson(drawn, defect_type, seed=arguments.seed)
            tested = _tested(drawn, arguments.test, seed=number)
            for name in (CLOSED_FORM, *arguments.adaptations):
                if name in _TRAINS_THE_TRUNK and number >= arguments.trunk_draws:
                    continue
                row = {"type": defect_type, "shot": shot, "draw": number, "adaptation": name}
                row |= self.figures(lesson, name, tested)
                if arguments.judge and name != CLOSED_FORM:
                    row |= _judgement(lesson, name)
                rows.append({"material": self.name, **row})
                print(row, flush=True)
        return rows

    def draws(self, arguments: argparse.Namespace) -> Iterator[tuple[str, int, int, Drawn]]:
        """Yield the draws of the first types that have enough samples."""
        for shot in arguments.shots:
            spec = DrawSpec(shot=shot, normals=arguments.normals, draws=arguments.draws, seed=arguments.seed)
            kept = 0
            for name in sorted({t for one in self.labelled for t in one.types}):
                try:
                    found = [draw(self.labelled, [name], spec, material=self.name, number=k) for k in range(spec.draws)]
                except BadDataError as error:
                    print(f"left out: {error}", flush=True)
                    continue
                kept += 1
                yield from ((name, shot, number, drawn) for number, drawn in enumerate(found))
                if kept == arguments.types:
                    break

    def lesson(self, drawn: Drawn, defect_type: str, *, seed: int) -> Lesson:
        """Return the draw as teaching takes it."""
        settings, promise = DetectorSettings(), Promise()
        examples, cuts = [], []
        for i in (*drawn.normals, *drawn.supports[defect_type]):
            frame = self.frames[i]
            frame = replace(frame, defects=tuple(r for r in frame.defects if r.defect_type == defect_type))
            examples.append(frame)
            cut = cut_map(self.maps[i], frame.normals, frame.defects, frame=0, unit=promise.unit, settings=settings)
            good = tuple(replace(piece, group=frame.group) for piece in cut.good)
            cuts.append(replace(cut, good=good))
        return Lesson(
            backbone=self.backbone,
            examples=tuple(examples),
            cuts=tuple(cuts),
            promise=promise,
            settings=settings,
            dense={},
            seed=seed,
        )

    def figures(self, lesson: Lesson, name: str, tested: tuple[Sequence[int], Sequence[int]]) -> dict[str, Any]:
        """Return the figures of a way to teach on the test images, and the seconds that teaching took."""
        started = time.perf_counter()
        start = lesson.start(range(len(lesson.examples)))
        way: Adapted | None = Adapted(backbone=start.backbone, patches=start.patches)
        if name != CLOSED_FORM:
            deadline = Deadline(clock=_now, ends_at=_now() + _NO_LIMIT)
            try:
                way = build_adaptation(name).adapt(start, seed=lesson.seed, deadline=deadline)
            except BadDataError as error:
                return {"refused": str(error)}
        if way is None:
            raise RuntimeError(f"{name} was not finished in {_NO_LIMIT}")
        detector = lesson.taught(way).detector
        seconds = time.perf_counter() - started
        good, bad = ([self._score(detector, way, i) for i in part] for part in tested)
        return {
            "image_auroc": image_auroc([s[0] for s in good], [s[0] for s in bad]),
            "escape_at_0.05": escape_at([s[0] for s in good], [s[0] for s in bad], 0.05),
            "type_channel_auroc": image_auroc([s[1] for s in good], [s[1] for s in bad]),
            "overkill": float(np.mean([s[0] >= 1.0 for s in good])),
            "seconds": seconds,
        }

    def _score(self, detector: Any, way: Adapted, number: int) -> tuple[float, float]:
        """Return an image's score, and that of its type channels alone."""
        changed = way.backbone is not self.backbone
        patches = dense_map(way.backbone, self.frames[number].pixels) if changed else self.maps[number]
        maps = detector.judge(patches)
        return float(maps.strongest.max()), float(maps.types.max())


def _judgement(lesson: Lesson, name: str) -> dict[str, Any]:
    started = time.perf_counter()
    taught = adapt_lesson(replace(lesson, settings=replace(lesson.settings, adaptation=name)), clock=_now)
    outcome = taught.adaptation
    if outcome is None:
        raise RuntimeError(f"{name} was asked for and not tried")
    return {"accepted": outcome.accepted, "reason": outcome.reason, "judge_seconds": time.perf_counter() - started}


def _frame(image: LabelledImage) -> FrameRegions:
    pixels = image.load()
    whole = whole_roi(pixels)
    marked = annotations(image, pixels)
    defects = tuple(
        DefectRegion(roi=whole, mask=mask, defect_type=name, source=source_of(mask), label=image.source)
        for name, mask in marked
    )
    group = image.group or image.source
    return FrameRegions(pixels=pixels, normals=() if marked else (whole,), defects=defects, group=group)


def _permuted(frames: Sequence[FrameRegions]) -> list[FrameRegions]:
    generator = np.random.default_rng(0)
    found = list(frames)
    for shape in {frame.pixels.shape for frame in frames}:
        places = [n for n, frame in enumerate(frames) if frame.pixels.shape == shape]
        for n, other in zip(places, generator.permutation(places).tolist(), strict=True):
            found[n] = replace(frames[n], normals=frames[other].normals, defects=frames[other].defects)
    return found


def _tested(drawn: Drawn, most: int, *, seed: int) -> tuple[list[int], list[int]]:
    generator = np.random.default_rng(seed)
    parts = []
    for part in (drawn.test_normals, drawn.defects):
        order = generator.permutation(len(part))[:most]
        parts.append(sorted(part[int(k)] for k in order))
    return parts[0], parts[1]


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return for every adaptation and number of samples the mean figures and paired differences to the closed form.

    Draws of one type share images: the interval is over types, each the mean of its draws.
    """
    found: dict[str, Any] = {}
    for shot in sorted({int(row["shot"]) for row in rows}):
        base = {_key(row): row for row in rows if row["shot"] == shot and row["adaptation"] == CLOSED_FORM}
        for name in dict.fromkeys(row["adaptation"] for row in rows):
            own = [r for r in rows if r["shot"] == shot and r["adaptation"] == name and "refused" not in r]
            if own:
                found[f"{name}, {shot} samples"] = _compared(own, [base[_key(row)] for row in own])
    return found


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["material"], row["type"], row["shot"], row["draw"]


def _compared(own: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"draws": len(own), "types": len({_key(row)[:2] for row in own})}
    for figure in ("image_auroc", "escape_at_0.05", "type_channel_auroc", "overkill", "seconds"):
        pairs: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
        for row, other in zip(own, base, strict=True):
            if row[figure] is not None and other[figure] is not None:
                pairs.setdefault(_key(row)[:2], []).append((row[figure], other[figure]))
        if pairs:
            means = np.array([np.mean(values, axis=0) for values in pairs.values()])
            answer[figure] = float(means[:, 0].mean())
            answer[f"{figure}_difference"] = list(student_interval(means[:, 0] - means[:, 1]))
    accepted = [row["accepted"] for row in own if "accepted" in row]
    return answer | ({"accepted": [sum(accepted), len(accepted)]} if accepted else {})


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
