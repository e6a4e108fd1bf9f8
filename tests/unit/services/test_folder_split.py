"""The split of a user's folder: no image twice, no leakage group on both sides, refusals with the numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.folder_split import FolderSplit, SplitSettings, split_folder

SMALL = SplitSettings(shots=2, teach_normals=4, min_normals=2, min_held_out=1, history_per_class=3)


def unread() -> Pixels:
    raise AssertionError("a split looks at names only")


def images(family: str, class_name: str, count: int, *, group_of: int = 1) -> list[LabelledImage]:
    return [
        LabelledImage(
            family=family,
            class_name=class_name,
            group=f"{family}/{class_name}/{number // group_of}" if group_of > 1 else "",
            source=f"{family}/{class_name}/{number}.png",
            load=unread,
        )
        for number in range(count)
    ]


def split(given_images: Sequence[LabelledImage], rules: SplitSettings = SMALL, *, seed: int = 0) -> FolderSplit:
    return split_folder(given_images, rules, generator=np.random.default_rng(seed))


def classes(part: Sequence[LabelledImage]) -> Counter[str]:
    return Counter(image.class_name for image in part)


TWO_FAMILIES = [
    *images("steel", "good", 12),
    *images("steel", "scratch", 6),
    *images("steel", "stain", 4),
    *images("cloth", "normal", 8),
    *images("cloth", "hole", 5),
]


def test_the_new_line_has_the_most_defect_free_images_and_its_commonest_type_is_new() -> None:
    parts = split(TWO_FAMILIES)
    assert (parts.family, parts.new_type) == ("steel", "scratch")
    assert classes(parts.teach) == {"scratch": 2, "good": 4}
    assert classes(parts.held_out) == {"good": 8, "scratch": 4, "stain": 4}
    assert {image.family for image in parts.history} == {"cloth"}


def test_history_is_capped_for_each_class() -> None:
    assert classes(split(TWO_FAMILIES).history) == {"normal": 3, "hole": 3}


def test_one_family_alone_lends_its_other_types_to_history() -> None:
    one = [image for image in TWO_FAMILIES if image.family == "steel"]
    parts = split(one, replace(SMALL, history_per_class=40))
    assert classes(parts.teach) == {"scratch": 2, "good": 4}
    assert classes(parts.history) == {"stain": 4, "good": 4}
    assert classes(parts.held_out) == {"scratch": 4, "good": 4}


def test_half_of_the_defect_free_images_are_never_taught() -> None:
    parts = split(TWO_FAMILIES, replace(SMALL, teach_normals=60))
    assert (classes(parts.teach)["good"], classes(parts.held_out)["good"]) == (6, 6)


def test_a_taught_group_is_not_held_out_even_where_it_was_not_taught_whole() -> None:
    grouped = [*images("steel", "good", 12, group_of=3), *images("steel", "scratch", 8, group_of=2), *TWO_FAMILIES[22:]]
    parts = split(grouped)
    assert classes(parts.teach) == {"scratch": 2, "good": 4}
    assert len({image.group for image in parts.teach if image.class_name == "scratch"}) == 2
    assert classes(parts.held_out) == {"scratch": 4, "good": 6}


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    assert split(TWO_FAMILIES, seed=5) == split(TWO_FAMILIES, seed=5)
    assert split(TWO_FAMILIES, seed=5).teach != split(TWO_FAMILIES, seed=6).teach


def test_too_few_images_are_refused_with_what_is_needed_and_what_is_there() -> None:
    few = [*images("steel", "good", 3), *images("steel", "scratch", 2)]
    with pytest.raises(BadDataError) as refused:
        split(few)
    assert "it needs 4 images in a class normal, good or ok and 3 of one type" in str(refused.value)
    assert "found steel/good 3, steel/scratch 2" in str(refused.value)


def test_an_empty_folder_is_refused() -> None:
    with pytest.raises(BadDataError, match="no family can be a new line"):
        split([])


def test_one_family_with_one_type_leaves_nothing_for_history() -> None:
    with pytest.raises(BadDataError, match="nothing is left for history"):
        split([*images("steel", "good", 12), *images("steel", "scratch", 6)])


def test_a_type_whose_groups_are_all_taught_is_refused_with_the_count() -> None:
    grouped = [*images("steel", "good", 12), *images("steel", "scratch", 6, group_of=3), *images("cloth", "hole", 4)]
    with pytest.raises(BadDataError, match=r"'scratch' of 'steel' has 0 held-out images .* 1 are needed"):
        split(grouped)


def test_defect_free_images_of_one_group_cannot_be_taught_and_held_out() -> None:
    grouped = [*images("steel", "good", 12, group_of=12), *images("steel", "scratch", 6), *images("cloth", "hole", 4)]
    with pytest.raises(BadDataError, match=r"'steel' has 0 defect-free images left to hold out .* 1 are needed"):
        split(grouped)


@pytest.mark.parametrize("changes", [{"shots": 0}, {"min_held_out": 0}, {"history_per_class": 0}, {"min_normals": 5}])
def test_counts_that_contradict_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(BadDataError, match="counts must be at least 1"):
        replace(SMALL, **changes)


folders = st.lists(
    st.tuples(
        st.sampled_from(["steel", "cloth"]),
        st.sampled_from(["good", "good", "scratch", "scratch", "stain"]),
        st.one_of(st.just(""), st.integers(0, 11).map(str)),
    ),
    min_size=20,
    max_size=60,
).map(
    lambda rows: [
        LabelledImage(
            family=family,
            class_name=name,
            group=group and f"{family}/{group}",
            source=f"{family}/{number}.png",
            load=unread,
        )
        for number, (family, name, group) in enumerate(rows)
    ]
)


@settings(deadline=None)
@given(labelled=folders, families=st.sampled_from([1, 2]), seed=st.integers(0, 2**32 - 1))
def test_no_image_is_used_twice_and_no_group_stands_on_both_sides(
    labelled: list[LabelledImage], families: int, seed: int
) -> None:
    chosen = [image for image in labelled if families == 2 or image.family == "steel"]
    try:
        parts = split(chosen, seed=seed)
    except BadDataError:
        return
    every = [image.source for part in (parts.history, parts.teach, parts.held_out) for image in part]
    assert len(every) == len(set(every))
    groups = [{image.group or image.source for image in part} for part in (parts.history, parts.teach, parts.held_out)]
    assert len(groups[0] | groups[1] | groups[2]) == sum(map(len, groups))
    supports = [image for image in parts.teach if not is_normal(image.class_name)]
    assert {image.class_name for image in supports} == {parts.new_type}
    assert len({image.group or image.source for image in supports}) == len(supports) == SMALL.shots
    assert SMALL.min_normals <= len(parts.teach) - len(supports) <= SMALL.teach_normals
    assert classes(parts.held_out)[parts.new_type] >= SMALL.min_held_out
    assert any(is_normal(image.class_name) for image in parts.held_out)
    assert any(not is_normal(image.class_name) for image in parts.history)


def test_fewer_pieces_than_shots_are_refused_with_both_numbers() -> None:
    few = [*images("steel", "good", 12), *images("steel", "scratch", 9, group_of=9), *images("cloth", "hole", 5)]
    with pytest.raises(BadDataError, match="has 1 leakage groups to teach from, 2 are needed"):
        split(few)
