"""Teaching: known-good regions and a few samples a type become a detector that keeps its promise."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from inspect_pipeline.domain.beside_normality import NOTHING_TRIED, BesideNormality, paired
from inspect_pipeline.domain.checks import Check, CheckKind, Severity
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.domain.statistics import Rate, rate, samples_for
from inspect_pipeline.domain.taxonomy import checked_type, life_cycle_for
from inspect_pipeline.learning.adaptation import AdaptationOutcome
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.calibration import Calibration, calibrate, expected_overkill, least_handicap
from inspect_pipeline.learning.crossfit import CrossFitted, cross_fit
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.detector import Detector, TypeHead
from inspect_pipeline.learning.detector_settings import CLOSED_FORM, DetectorSettings, Promise
from inspect_pipeline.learning.difference_prior import DifferencePrior, difference_prior
from inspect_pipeline.learning.domain_reference import reference_of
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, Patches, cut_patches
from inspect_pipeline.learning.initialization import Initialization
from inspect_pipeline.learning.kept_work import NOTHING_KEPT, KeptWork
from inspect_pipeline.learning.known_types import TypeCost, costs_of_company
from inspect_pipeline.learning.leave_one_out import LeftOut, judge_left_out, open_set_bound
from inspect_pipeline.learning.normality_choice import chosen_normality
from inspect_pipeline.learning.region_metric import region_prior
from inspect_pipeline.learning.region_typing import RegionHead, RegionPrior, left_out_names
from inspect_pipeline.learning.shaping import Shaping
from inspect_pipeline.learning.support_checks import check_supports
from inspect_pipeline.learning.support_regions import Describer, fit_regions

__all__ = ["DefectRegion", "FrameRegions", "LeaveOneOut", "Taught", "teach", "teach_patches"]


_GROUPS_ENOUGH = 5
"""With 3 groups the realised overkill at a promise of 5% reached 21% in a tenth of the draws over 13 types of 7
materials; with 20 groups (kolektor_sdd) 12%, which is the noise of 24 test images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """Of a type's samples, those found (in any channel) by a detector taught without them."""

    defect_type: str
    found: Rate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """A detector and what is known of it before it has seen a test.

    ``confusions`` counts, for every type, what its left-out samples were named (``unknown``: only abnormal;
    ``missed``: nothing). ``forgetting`` is the share of a type's left-out samples that the company of the other types
    costs; ``costs`` are what the types that were not known before cost those that were. ``overkill`` are good units
    that alarm when left out. ``beside_normality`` is what the types add to normality alone, on left-out samples.
    ``checks`` are what is to be said of the samples. ``adaptation`` says whether something
    beyond the closed form was tried, and what it gave.
    """

    detector: Detector
    leave_one_out: tuple[LeaveOneOut, ...]
    confusions: Mapping[str, Mapping[str, int]]
    forgetting: Mapping[str, float]
    checks: tuple[Check, ...]
    normals: int
    overkill: Rate
    costs: tuple[TypeCost, ...] = ()
    beside_normality: BesideNormality = NOTHING_TRIED
    adaptation: AdaptationOutcome | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The checks as lines for a person."""
        return tuple(check.message for check in self.checks)


def teach(
    initialization: Initialization,
    examples: Iterable[FrameRegions],
    *,
    promise: Promise,
    settings: DetectorSettings,
    seed: int,
    progress: Progress | None = None,
) -> Taught:
    """Return the detector taught from the examples: 4 good units or more, any number of types, none included.

    The same input gives the same detector. Raises BadDataError for too little or contradicting input.
    """
    backbone = initialization.build_backbone()
    describe = Describer(backbone=backbone, settings=settings).drawn
    patches = cut_patches(
        backbone, examples, unit=promise.unit, settings=settings, progress=progress, describe=describe
    )
    return teach_patches(
        backbone,
        patches,
        promise=promise,
        settings=settings,
        seed=seed,
        prior=difference_prior(initialization.dense),
        regions=region_prior(initialization.typing, reach=settings.typing_reach),
    )


def teach_patches(
    backbone: Backbone,
    patches: Patches,
    *,
    promise: Promise,
    settings: DetectorSettings,
    seed: int,
    prior: DifferencePrior | None = None,
    shaping: Shaping | None = None,
    known: Collection[str] = (),
    regions: RegionPrior | None = None,
    kept: KeptWork = NOTHING_KEPT,
) -> Taught:
    """Return the detector taught from patches cut before; the backbone runs for guessed regions only.

    ``kept`` may hold work of an earlier teaching on the same good material, which is most of it. ``known`` are the
    types of the one in force, for costs. ``shaping`` is what an adaptation changes; ``regions`` what history says of
    naming regions: samples that cannot be compared leave it to the channels.
    """
    settings = chosen_normality(patches, settings, seed=seed)
    names, variants = _variants(patches)
    fold = partial(cross_fit, settings=settings, seed=seed, grounds=kept.grounds, types=kept.types)
    crossed = fold(patches.good, patches.supports, variants, prior=prior, shaping=shaping)
    settings = _with_handicap(settings, crossed, 1 + len(names), promise)
    describer = Describer(backbone=backbone, settings=settings, vectors=kept.vectors)
    compared = fit_regions(describer, patches.supports, crossed.final.normality, prior=regions)
    judged = judge_left_out(crossed, patches.supports, variants, names, promise=promise, settings=settings)
    left_out = renamed(judged, compared)
    company = (crossed, patches.supports, variants, names, left_out)
    doubts = check_supports(patches.supports, names, crossed, left_out, settings=settings)
    calibration, overkill = _calibrated(crossed, 1 + len(names), promise=promise, settings=settings)
    heads = _heads(names, crossed, calibration, left_out, settings)
    detector = _detector(backbone, crossed, calibration, promise=promise, settings=settings)
    return Taught(
        detector=replace(detector, heads=heads, regions=compared, domain=reference_of(patches.good, crossed.quiet)),
        leave_one_out=tuple(_found(name, left_out) for name in names),
        confusions=_confusions(names, left_out),
        forgetting=_forgetting(names, left_out),
        checks=(*_promise_checks(patches, promise, calibration), *doubts),
        normals=len(patches.good),
        overkill=overkill,
        costs=costs_of_company(*company, known=known, promise=promise, settings=settings),
        beside_normality=paired((one.found, one.found_by_normality) for one in left_out),
    )


def _detector(
    backbone: Backbone, crossed: CrossFitted, calibration: Calibration, *, promise: Promise, settings: DetectorSettings
) -> Detector:
    """Return the detector of good material alone, its anomaly limited as beside the types."""
    handicaps = [settings.anomaly_handicap]
    alone = calibrate(crossed.scores[:, :1], crossed.floors[:1], handicaps=handicaps, overkill=promise.overkill)
    return Detector(
        backbone=backbone,
        normality=crossed.final.normality,
        anomaly=calibration.channels[0],
        heads=(),
        promise=promise,
        settings=replace(settings, adaptation=CLOSED_FORM),  # until ``adapted_teaching`` accepts another
        bank=crossed.final.bank,
        alone=alone.channels[0],
    )


def _with_handicap(
    settings: DetectorSettings, crossed: CrossFitted, channels: int, promise: Promise
) -> DetectorSettings:
    """Return the settings with the handicap that good units ask for, at most theirs."""
    scores, most = crossed.scores[:, :channels], settings.anomaly_handicap
    return replace(settings, anomaly_handicap=least_handicap(scores, most=most, overkill=promise.overkill))


def _calibrated(
    crossed: CrossFitted, channels: int, *, promise: Promise, settings: DetectorSettings
) -> tuple[Calibration, Rate]:
    """Return the scales of the first channels (anomaly, then whole types), and the good units that alarm left out."""
    handicaps = [settings.anomaly_handicap] + [0.0] * (channels - 1)
    scores, floors = crossed.scores[:, :channels], crossed.floors[:channels]
    calibration = calibrate(scores, floors, handicaps=handicaps, overkill=promise.overkill)
    return calibration, expected_overkill(scores, handicaps=handicaps, overkill=promise.overkill)


def renamed(left_out: Sequence[LeftOut], regions: RegionHead | None) -> list[LeftOut]:
    """Return the left-out samples with those that were found named as a region head without them names them.

    What was missed stays so, and what a detector of one type calls unknown too.
    """
    if regions is None or len(regions.names) < 2:
        return list(left_out)
    names = left_out_names(regions)
    return [replace(one, named=names[one.support]) if one.found else one for one in left_out]


def _variants(patches: Patches) -> tuple[tuple[str, ...], list[Variant]]:
    """Return the types; every type with all its samples, in order, then every type without each of its samples."""
    names = tuple(sorted({checked_type(support.defect_type) for support in patches.supports}))
    of_type = {
        name: tuple(i for i, support in enumerate(patches.supports) if checked_type(support.defect_type) == name)
        for name in names
    }
    variants = [Variant(defect_type=name, supports=of_type[name]) for name in names]
    for name in names:
        for left_out in of_type[name] if len(of_type[name]) > 1 else ():
            rest = tuple(i for i in of_type[name] if i != left_out)
            variants.append(Variant(defect_type=name, supports=rest))
    return names, variants


def _heads(
    names: Sequence[str],
    crossed: CrossFitted,
    calibration: Calibration,
    left_out: Sequence[LeftOut],
    settings: DetectorSettings,
) -> tuple[TypeHead, ...]:
    heads = []
    for t, name in enumerate(names):
        own = [one for one in left_out if one.defect_type == name]
        direction = crossed.final.directions[t]
        heads.append(
            TypeHead(
                name=name,
                life_cycle=life_cycle_for(len(own)),
                weight=direction.weight,
                bias=direction.bias,
                channel=calibration.channels[1 + t],
                least_likeness=open_set_bound(own, share=settings.likeness_share),
            )
        )
    return tuple(heads)


def _found(name: str, left_out: Sequence[LeftOut]) -> LeaveOneOut:
    own = [one for one in left_out if one.defect_type == name]
    return LeaveOneOut(defect_type=name, found=rate(sum(one.found for one in own), len(own)))


def _confusions(names: Sequence[str], left_out: Sequence[LeftOut]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {name: {} for name in names}
    for one in left_out:
        table[one.defect_type][one.named] = table[one.defect_type].get(one.named, 0) + 1
    return table


def _forgetting(names: Sequence[str], left_out: Sequence[LeftOut]) -> dict[str, float]:
    if len(names) < 2:
        return {}
    lost = {}
    for name in names:
        own = [one for one in left_out if one.defect_type == name]
        lost[name] = sum(one.found_alone - one.found for one in own) / max(len(own), 1)
    return lost


def _promise_checks(patches: Patches, promise: Promise, calibration: Calibration) -> list[Check]:
    warnings = []
    if not calibration.distribution_free:
        warnings.append(
            f"{len(patches.good)} known-good units cannot carry a promise of {promise.overkill:.1%} overkill without "
            f"assumptions ({2 * samples_for(promise.overkill) + 1} can): scores of good units are taken as normal "
            "distributed (equal-z)"
        )
    groups = {unit.group for unit in patches.good if unit.group}
    if 0 < len(groups) < _GROUPS_ENOUGH:
        warnings.append(
            f"the known-good units come from {len(groups)} groups of near-duplicates: alarms on other material scatter "
            f"more than promised; label known-good units of {_GROUPS_ENOUGH} or more coils or pieces"
        )
    partial = sum(not unit.whole for unit in patches.good)
    if partial:
        warnings.append(
            f"{partial} of {len(patches.good)} known-good regions are smaller than the unit of the promise; overkill "
            "of whole units will be higher than promised"
        )
    return [Check(kind=CheckKind.PROMISE, severity=Severity.NOTE, message=warning) for warning in warnings]
