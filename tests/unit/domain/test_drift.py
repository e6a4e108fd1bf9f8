"""Drift: what alarms, what is said not to be watched, and how often it alarms when nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.domain.drift import (
    ADVICE,
    CoilSeen,
    Drift,
    DriftKind,
    Signal,
    SignalName,
    WatchRules,
    same_distribution,
    watch,
)
from inspect_pipeline.errors import BadDataError

RULES = WatchRules(reference_coils=16, recent_coils=4, frames_a_coil=10)


def _coils(count: int, *, seed: int = 5, frames: int = 200) -> list[CoilSeen]:
    """Coils of one line on which nothing changes."""
    rng = np.random.default_rng(seed)
    return [
        CoilSeen(
            coil=f"coil-{number:02}",
            captured=frames,
            unusable=int(rng.binomial(frames, 0.01)),
            judged=frames,
            alarmed=int(rng.binomial(frames, 0.08)),
            unknown=int(rng.binomial(frames, 0.02)),
            good_scores=tuple(rng.gamma(9.0, 0.06, size=10) + rng.normal(0.0, 0.02)),
            measures={("cam-1", name): float(rng.normal(1.0, 0.05)) for name in ("focus", "mean", "contrast")},
        )
        for number in range(count)
    ]


def _watched(coils: list[CoilSeen], seed: int = 0) -> Drift:
    return watch(coils, rules=RULES, rng=np.random.default_rng(seed))


def test_a_quiet_line_has_no_alarm_and_everything_is_watched() -> None:
    drift = _watched(_coils(24))
    assert (drift.alarms, drift.not_watched) == ((), ())
    assert {name.signal for name in drift.charts} == set(Signal)


def test_a_lens_out_of_focus_alarms_since_the_first_coil_that_shows_it() -> None:
    coils = _coils(24)
    blurred = [*coils[:21], *(replace(one, measures={**one.measures, ("cam-1", "focus"): 0.2}) for one in coils[21:])]
    alarms = {alarm.kind: alarm for alarm in _watched(blurred).alarms}
    jump = alarms[DriftKind.JUMP]
    assert jump.name == SignalName(signal=Signal.FOCUS, camera="cam-1")
    assert (jump.since, jump.until, jump.coils, jump.ongoing) == ("coil-21", "coil-23", 3, True)
    assert jump.strength < -6.0
    assert "lens" in jump.text
    assert "focus of cam-1" in jump.key
    assert "\n" not in jump.text


def test_one_bad_coil_is_an_alarm_that_is_over() -> None:
    coils = _coils(24)
    wave = [*coils[:19], replace(coils[19], alarmed=150), *coils[20:]]
    jumps = [one for one in _watched(wave).alarms if one.kind is DriftKind.JUMP]
    assert [(one.name.signal, one.since, one.until, one.ongoing) for one in jumps] == [
        (Signal.ALARM_SHARE, "coil-19", "coil-19", False)
    ]
    assert "back within" in jumps[0].text


def test_good_material_that_scatters_otherwise_alarms_though_its_mean_stays() -> None:
    coils = _coils(24)
    spread = [*coils[:20], *(replace(one, good_scores=(0.1,) * 5 + (0.98,) * 5) for one in coils[20:])]
    shapes = [one for one in _watched(spread).alarms if one.kind is DriftKind.SHAPE]
    assert [(one.since, one.ongoing) for one in shapes] == [("coil-20", True)]
    assert shapes[0].chance is not None
    assert shapes[0].chance < 0.0007


def test_too_few_coils_are_said_for_every_signal() -> None:
    drift = _watched(_coils(15))
    assert drift.alarms == ()
    assert len(drift.not_watched) == len(drift.charts) + 1
    assert all("needs" in text for text in drift.not_watched)


def test_no_coil_at_all_is_said_too() -> None:
    drift = _watched([])
    assert drift.coils == ()
    assert len(drift.not_watched) == len(drift.charts) + 1


def test_a_newest_coil_without_a_value_is_said() -> None:
    coils = _coils(24)
    drift = _watched([*coils[:-1], replace(coils[-1], measures={})])
    assert "focus of cam-1: coil coil-23 has no value" in drift.not_watched


def test_every_signal_says_what_to_do() -> None:
    assert set(ADVICE) == set(Signal)


def test_the_chance_of_a_distribution_is_even_while_nothing_changes_and_alike_frames_do_not_alarm() -> None:
    """Frames of a coil share an offset: a test on single frames would alarm at once, one on coils does not."""
    rng = np.random.default_rng(2)
    chances = []
    for _ in range(200):
        coils = [rng.normal(size=8) * 0.2 + rng.normal() for _ in range(16)]
        chances.append(same_distribution(coils[:12], coils[12:], permutations=199, rng=rng)[1])
    assert np.mean(np.array(chances) <= 0.05) <= 0.08
    assert np.mean(np.array(chances) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_a_distribution_that_moved_has_a_small_chance_and_none_has_no_distance() -> None:
    rng = np.random.default_rng(3)
    same = [[1.0, 2.0, 3.0]] * 12
    assert same_distribution(same, same[:4], permutations=99, rng=rng) == (0.0, 1.0)
    moved = same_distribution(same, [[11.0, 12.0]] * 4, permutations=999, rng=rng)
    assert moved[0] == 1.0
    assert moved[1] <= 0.003
    with pytest.raises(BadDataError, match="no value"):
        same_distribution(same, [[]], permutations=9, rng=rng)


def test_a_line_alarms_on_no_more_coils_than_promised_while_nothing_changes() -> None:
    """60 lines at their 24th coil with all tests together: 1% of coils are promised, alarms may cluster."""
    looks = [watch(_coils(24, seed=seed), rules=RULES, rng=np.random.default_rng(seed)) for seed in range(60)]
    shown = sum(any(alarm.ongoing for alarm in look.alarms) for look in looks)
    assert shown <= 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"reference_coils": 3}, {"recent_coils": 1}, {"false_alarm_share": 0.0}, {"smoothing": 1.5}, {"most_coils": 2},
        {"frames_a_coil": 0},
    ],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="watch"):
        WatchRules(**wrong)  # type: ignore[arg-type]
