"""An evaluation of detection as one self-contained page: what the templates show of the command's own JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspect_pipeline.domain.figures import MeasuredEstimate
from inspect_pipeline.domain.report import Fact
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting.detect_curves import Curves, draw_curves
from inspect_pipeline.reporting.detect_rows import Kept, Row, baseline_rows, estimate_of, kept_rows, rows_of

HEADLINE = {
    "image_auroc": ("Image AUROC", "a defective image scores above a good one"),
    "average_precision": ("Average precision", "defective images among the highest scores"),
    "escape_at_0.01": ("Escapes at 1% overkill", "threshold read off the test itself"),
    "escape_at_0.05": ("Escapes at 5% overkill", "threshold read off the test itself"),
    "overkill": ("Overkill", "at the detector's own threshold"),
    "escape": ("Escapes", "at the detector's own threshold"),
    "region_recall": ("Region recall", "at {false_regions} false regions a good image; a tenth of the box on the mark"),
    "region_recall_centre": ("Region recall, centre", "the same, the centre of the box in the mark"),
    "region_recall_own": ("Region recall", "at the detector's own threshold"),
    "false_regions_per_normal": ("False regions a good image", "at the detector's own threshold"),
    "aupro": ("AUPRO", "to 30% false pixels"),
    "aupro_chance": ("AUPRO by place alone", "what the places of the marks earn on good images: the chance level"),
}
TYPE_FIGURES = ("image_auroc", "escape_at_0.05", "escape", "overkill", "region_recall", "aupro")
UNKNOWN_FIGURES = (
    "strangers_auroc",
    "strangers_auroc_normality",
    "strangers_escape",
    "unknown_auroc",
    "named_unknown",
    "known_named_unknown",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the figures come from: the command, the revision of the code, the data folder's name, the time."""

    command: str
    version: str
    revision: str
    data: str
    created_at: datetime
    machine: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One figure of the detector over all types and materials."""

    name: str
    means: str
    figure: MeasuredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectPage:
    """All that the page shows."""

    document: Mapping[str, Any]
    provenance: Provenance
    headline: tuple[Headline, ...]
    baselines: tuple[Row, ...]
    curves: tuple[Curves, ...]
    types: tuple[Row, ...]
    together: tuple[Row, ...]
    kept: tuple[Kept, ...]
    unknown: tuple[Row, ...]
    unknown_all: Row | None


def lay_out_detection(document: Mapping[str, Any], provenance: Provenance) -> DetectPage:
    """Return the page of an answer of ``evaluate --task detect``. Raises BadDataError for any other document."""
    try:
        return _laid_out(document, provenance)
    except (KeyError, TypeError) as error:
        raise BadDataError(f"this is no answer of evaluate --task detect ({error!r}); measure again") from error


def _laid_out(document: Mapping[str, Any], provenance: Provenance) -> DetectPage:
    figures, unknown = document["detector"], document["unknown"]
    headline = [
        Headline(
            name=name,
            means=means.format(false_regions=document["false_regions"]),
            figure=estimate_of(figures[key], key),
        )
        for key, (name, means) in HEADLINE.items()
    ]
    return DetectPage(
        document=document,
        provenance=provenance,
        headline=tuple(headline),
        baselines=tuple(baseline_rows(document)),
        curves=draw_curves(document),
        types=tuple(rows_of(document["per_type"], TYPE_FIGURES, counts=("test_normals", "test_defects"))),
        together=tuple(
            rows_of(document["together"], (*TYPE_FIGURES, "type_accuracy"), counts=("test_normals", "test_defects"))
        ),
        kept=tuple(kept_rows(document)),
        unknown=()
        if unknown is None
        else tuple(rows_of(unknown["per_type"], UNKNOWN_FIGURES, counts=("test_strangers",))),
        unknown_all=None if unknown is None else rows_of({"all": unknown}, UNKNOWN_FIGURES)[0],
    )
