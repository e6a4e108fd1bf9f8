"""Findings of neighbouring frames become physical defects, in whatever order they come."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.coil_map import Defect, merge, pareto
from inspect_pipeline.domain.findings import Finding
from tests.unit.domain.builders import finding

GAP_MM = 5.5  # between the whole millimetres of the grid below

# Few values on a coarse grid, so that touching, chains and ties are common.
found = st.lists(
    st.builds(
        finding,
        st.sampled_from(["f0", "f1", "f2"]),
        defect_type=st.sampled_from(["scratch", "stain", "unknown"]),
        score=st.sampled_from([1.0, 2.0, 3.0]),
        crossweb_mm=st.sampled_from([0.0, 12.0, 24.0, 60.0]),
        downweb_m=st.sampled_from([1.0, 1.012, 1.024, 1.06]),
        length_mm=st.sampled_from([4.0, 10.0, 40.0]),
    ),
    max_size=14,
)


def extents(one: Finding) -> tuple[float, float, float, float]:
    along, half_length, half_width = one.downweb_m * 1000.0, one.length_mm / 2.0, one.width_mm / 2.0
    return along - half_length, along + half_length, one.crossweb_mm - half_width, one.crossweb_mm + half_width


def joined(one: Finding, other: Finding) -> bool:
    a, b = extents(one), extents(other)
    near = max(a[0], b[0]) - min(a[1], b[1]) <= GAP_MM and max(a[2], b[2]) - min(a[3], b[3]) <= GAP_MM
    return near and one.defect_type == other.defect_type and one.frame != other.frame


def test_a_scratch_over_a_frame_border_is_one_defect() -> None:
    above = finding("f0", downweb_m=0.995, length_mm=10.0, score=2.0)
    below = finding("f1", downweb_m=1.005, length_mm=10.0, score=3.0)
    assert merge([above, below], gap_mm=0.0) == [Defect(findings=(below, above))]
    assert merge([above, below], gap_mm=0.0)[0].strongest == below


def test_findings_just_within_the_gap_are_one_and_just_beyond_it_two() -> None:
    first = finding("f0", downweb_m=1.0, length_mm=10.0)
    assert len(merge([first, finding("f1", downweb_m=1.0149, length_mm=10.0)], gap_mm=5.0)) == 1
    assert len(merge([first, finding("f1", downweb_m=1.0151, length_mm=10.0)], gap_mm=5.0)) == 2
    assert len(merge([first, finding("f1", crossweb_mm=64.9)], gap_mm=5.0)) == 1
    assert len(merge([first, finding("f1", crossweb_mm=65.1)], gap_mm=5.0)) == 2


def test_neighbours_of_one_frame_stay_two_defects() -> None:
    assert len(merge([finding("f0"), finding("f0", crossweb_mm=51.0)], gap_mm=GAP_MM)) == 2


def test_different_types_stay_two_defects() -> None:
    assert len(merge([finding("f0"), finding("f1", defect_type="stain")], gap_mm=GAP_MM)) == 2


def test_a_chain_over_three_frames_is_one_defect() -> None:
    chain = [finding(f"f{i}", downweb_m=1.0 + 0.01 * i, length_mm=10.0) for i in range(3)]
    assert len(merge(chain, gap_mm=0.5)) == 1
    assert len(merge([chain[0], chain[2]], gap_mm=0.5)) == 2


def test_a_u_over_a_border_is_one_defect_with_both_legs() -> None:
    legs = [finding("f0", crossweb_mm=x, width_mm=4.0, downweb_m=0.995) for x in (20.0, 80.0)]
    bow = finding("f1", crossweb_mm=50.0, width_mm=64.0, downweb_m=1.005)
    assert [len(defect.findings) for defect in merge([*legs, bow], gap_mm=0.0)] == [3]


def test_defects_come_downweb() -> None:
    findings = [finding("f2", downweb_m=3.0), finding("f0", downweb_m=1.0), finding("f1", downweb_m=2.0)]
    assert [defect.strongest.downweb_m for defect in merge(findings, gap_mm=GAP_MM)] == [1.0, 2.0, 3.0]


@given(findings=found)
def test_every_finding_is_in_exactly_one_defect_strongest_first(findings: list[Finding]) -> None:
    defects = merge(findings, gap_mm=GAP_MM)
    flat = [one for defect in defects for one in defect.findings]
    assert sorted(map(repr, flat)) == sorted(map(repr, findings))
    for defect in defects:
        scores = [one.score for one in defect.findings]
        assert scores == sorted(scores, reverse=True)


@given(findings=found, random=st.randoms(use_true_random=False))
def test_the_order_of_the_findings_is_no_input(findings: list[Finding], random: Random) -> None:
    other = list(findings)
    random.shuffle(other)
    assert merge(other, gap_mm=GAP_MM) == merge(findings, gap_mm=GAP_MM)


@given(findings=found)
def test_defects_are_the_connected_groups_of_joined_pairs(findings: list[Finding]) -> None:
    groups = [{i} for i in range(len(findings))]
    for i, one in enumerate(findings):
        for j, other in enumerate(findings[:i]):
            if joined(one, other):
                together = next(g for g in groups if i in g) | next(g for g in groups if j in g)
                groups = [g for g in groups if g.isdisjoint(together)] + [together]
    expected = sorted(sorted(repr(findings[i]) for i in group) for group in groups)
    merged = merge(findings, gap_mm=GAP_MM)
    assert sorted(sorted(map(repr, defect.findings)) for defect in merged) == expected


def test_the_commonest_type_comes_first_and_ties_by_name() -> None:
    types = ["stain", "scratch", "crack", "stain", "crack"]
    assert pareto([finding(defect_type=name) for name in types]) == [("crack", 2), ("stain", 2), ("scratch", 1)]
