"""The review queue in memory, worked out from its items whenever it is asked for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.review import Reason, group_value, same_region
from inspect_pipeline.domain.review_records import (
    Division,
    GroupPage,
    ItemKey,
    ItemState,
    Leader,
    OpenRegion,
    PlacedItem,
    ReviewGroup,
    ReviewItem,
    TypeCount,
    Ungrouped,
    WaitingFinding,
)
from inspect_pipeline.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    waiting: Ungrouped
    frame: str
    roi: Roi
    informativeness: float
    never_waited: bool = False
    group: int | None = None
    state: ItemState = ItemState.OPEN
    label: str | None = None


@dataclass(slots=True, kw_only=True)
class ReviewState:
    """What the queue keeps."""

    items: dict[ItemKey, _Item] = field(default_factory=dict)
    groups: dict[int, Ungrouped] = field(default_factory=dict)
    skips: dict[tuple[str, ItemKey], datetime] = field(default_factory=dict)

    def __copy__(self) -> "ReviewState":
        return ReviewState(items=dict(self.items), groups=dict(self.groups), skips=dict(self.skips))


class CatalogState(Protocol):
    """What of the catalog's state the queue is about."""

    coils: dict[str, Coil]
    frames: dict[str, CapturedFrame]
    labels: dict[str, Label]
    results: dict[tuple[str, str], FrameResult]
    reviews: ReviewState


class InMemoryReviews:
    """The queue in one transaction on the in-memory catalog."""

    def __init__(self, state: CatalogState) -> None:
        self._all = state
        self._state = state.reviews

    def add(self, coil: str, results: Sequence[FrameResult], waiting: Sequence[WaitingFinding]) -> int:
        if coil not in self._all.coils:
            raise NotFoundError(f"coil {coil!r} is not in the catalog; ingest it first")
        for result in results:
            self._replace(result)
        new = 0
        for one in waiting:
            key = ItemKey(result=self._number(one.frame, one.detector), ordinal=one.ordinal)
            if key in self._state.items:
                continue
            item = self._arrived(coil, key, one)
            self._state.items[key] = item
            new += item.state is ItemState.OPEN
        return new

    def _arrived(self, coil: str, key: ItemKey, one: WaitingFinding) -> _Item:
        finding = self._all.results[one.frame, one.detector].findings[one.ordinal]
        said = [
            label
            for label in in_force(self.labels_on(one.frame))
            if label.role is not LabelRole.WITHDRAWN and same_region(label.region.roi, finding.roi)
        ]
        place = self._all.coils[coil]
        division = Division(
            line=place.line,
            recipe=place.recipe,
            reason=one.reason.value,
            name=finding.defect_type,
            space=one.space or "",
        )
        nearest = None if finding.explanation is None else finding.explanation.nearest_type
        waiting = Ungrouped(
            key=key, division=division, nearest_type=nearest, uncertainty=one.uncertainty, point=one.point
        )
        return _Item(
            waiting=waiting,
            frame=one.frame,
            roi=finding.roi,
            informativeness=one.uncertainty,
            state=ItemState.CLOSED if said else ItemState.OPEN,
            label=said[-1].id if said else None,
        )

    def _replace(self, result: FrameResult) -> None:
        own = self._number(result.frame, result.detector)
        for key, item in self._state.items.items():
            again = any(same_region(item.roi, finding.roi) for finding in result.findings)
            if item.frame == result.frame and item.state is ItemState.OPEN and key.result < own and again:
                self._state.items[key] = replace(item, state=ItemState.REPLACED)

    def groups(
        self, line: str, recipe: str, *, person: str, now: datetime, offset: int = 0, limit: int = 30
    ) -> GroupPage:
        mine = [
            (key, item)
            for key, item in self._state.items.items()
            if item.state is ItemState.OPEN and self._of(item) == (line, recipe)
        ]
        found = [group for number in self._state.groups if (group := self._shown(number, mine, person, now))]
        found.sort(key=lambda group: (-group.value, -group.id))
        ungrouped = sum(item.group is None for _, item in mine)
        return GroupPage(waiting=len(mine), ungrouped=ungrouped, groups=tuple(found[offset : offset + limit]))

    def _shown(
        self, number: int, mine: Sequence[tuple[ItemKey, _Item]], person: str, now: datetime
    ) -> ReviewGroup | None:
        inside = sorted((one for one in mine if one[1].group == number), key=_best_first)
        seen = [key for key, _ in inside if not self._behind(key, person, now)]
        if not seen:
            return None
        leader = self._state.groups[number]
        return ReviewGroup(
            id=number,
            size=len(seen),
            reason=Reason(leader.division.reason),
            name=leader.division.name,
            nearest_type=leader.nearest_type,
            value=group_value(inside[0][1].informativeness, len(inside)),
            lead=self._seen(seen[0]),
        )

    def items(self, group: int, *, person: str, now: datetime, offset: int = 0, limit: int = 60) -> list[ReviewItem]:
        inside = sorted((one for one in self._state.items.items() if one[1].group == group), key=_best_first)
        waiting = [key for key, item in inside if item.state is ItemState.OPEN and not self._behind(key, person, now)]
        closed = [key for key, item in inside if item.state is ItemState.CLOSED]
        return [self._seen(key) for key in [*waiting, *closed][offset : offset + limit]]

    def item(self, key: ItemKey) -> ReviewItem | None:
        results = list(self._all.results.values())
        there = 0 < key.result <= len(results) and key.ordinal < len(results[key.result - 1].findings)
        return self._seen(key) if there else None

    def nearby(self, item: ReviewItem, *, lines: int, limit: int) -> list[ReviewItem]:
        first = self._all.frames[item.frame].first_line
        found = []
        for number, result in enumerate(self._all.results.values(), start=1):
            frame = self._all.frames[result.frame]
            if (frame.coil, result.detector) != (item.coil, item.detector) or abs(frame.first_line - first) > lines:
                continue
            found += [self._seen(ItemKey(result=number, ordinal=at)) for at in range(len(result.findings))]
        others = [one for one in found if one.key != item.key]
        return sorted(
            others,
            key=lambda one: (abs(one.downweb_m - item.downweb_m), abs(one.crossweb_mm - item.crossweb_mm), one.key),
        )[:limit]

    def ungrouped(self, line: str, recipe: str, *, limit: int) -> list[Ungrouped]:
        return [
            item.waiting
            for _, item in sorted(self._state.items.items())
            if item.group is None and item.state is ItemState.OPEN and self._of(item) == (line, recipe)
        ][:limit]

    def leaders(self, division: Division) -> list[Leader]:
        return [
            Leader(group=number, nearest_type=one.nearest_type, point=one.point)
            for number, one in self._state.groups.items()
            if one.division == division
        ]

    def add_group(self, leader: Ungrouped) -> int:
        number = len(self._state.groups) + 1
        self._state.groups[number] = leader
        return number

    def place(self, items: Sequence[PlacedItem]) -> None:
        for one in items:
            before = self._state.items[one.key]
            if before.group is None and before.state is ItemState.OPEN:
                now = replace(before, group=one.group, informativeness=one.informativeness)
                self._state.items[one.key] = now

    def hold(self, keys: Sequence[ItemKey]) -> None:
        for key in keys:
            if key in self._state.items:
                continue
            seen = self.item(key)
            if seen is None:
                raise NotFoundError(f"there is no item {key}; open the queue again")
            division = Division(
                line=seen.line, recipe=seen.recipe, reason=Reason.PROVISIONAL.value, name=seen.name, space=""
            )
            never = Ungrouped(key=key, division=division, nearest_type=None, uncertainty=0.0, point=None)
            self._state.items[key] = _Item(
                waiting=never,
                frame=seen.frame,
                roi=seen.roi,
                informativeness=0.0,
                never_waited=True,
                state=ItemState.CLOSED,
            )

    def close(self, keys: Sequence[ItemKey], label: str) -> None:
        for key in keys:
            self._state.items[key] = replace(self._state.items[key], state=ItemState.CLOSED, label=label)

    def reopen(self, labels: Sequence[str]) -> int:
        opened = 0
        for key, item in self._state.items.items():
            if item.label in labels and item.state is ItemState.CLOSED:
                state = ItemState.CLOSED if item.never_waited else ItemState.OPEN
                opened += state is ItemState.OPEN
                self._state.items[key] = replace(item, state=state, label=None)
        return opened

    def skip(self, person: str, key: ItemKey, *, until: datetime) -> None:
        self._state.skips[person, key] = until

    def open_on(self, frame: str) -> list[OpenRegion]:
        return [
            OpenRegion(key=key, frame=frame, roi=item.roi)
            for key, item in sorted(self._state.items.items())
            if item.frame == frame and item.state is ItemState.OPEN
        ]

    def heatmap(self, frame: str, detector: str | None) -> str | None:
        kept = [
            result.heatmap
            for (of, version), result in self._all.results.items()
            if of == frame and detector in (None, version) and result.heatmap is not None
        ]
        return kept[-1] if kept else None

    def label(self, label: str) -> Label | None:
        return self._all.labels.get(label)

    def line_of(self, frame: str) -> tuple[str, str] | None:
        found = self._all.frames.get(frame)
        coil = None if found is None else self._all.coils[found.coil]
        return None if coil is None else (coil.line, coil.recipe)

    def successor(self, label: str) -> Label:
        if label not in self._all.labels:
            raise NotFoundError(f"there is no label {label[:80]!r}; it may be of another workspace")
        later = {one.supersedes: one for one in self._all.labels.values()}
        here = self._all.labels[label]
        while here.id in later:
            here = later[here.id]
        return here

    def labels_on(self, frame: str) -> list[Label]:
        return [label for label in self._all.labels.values() if label.region.frame == frame]

    def labels(
        self, line: str, *, defect_type: str | None, role: LabelRole | None, offset: int, limit: int
    ) -> list[Label]:
        chosen = [
            label
            for label in self._in_force(line)
            if defect_type in (None, label.defect_type)
            and (label.role is not LabelRole.WITHDRAWN if role is None else label.role is role)
        ]
        return chosen[::-1][offset : offset + limit]

    def type_counts(self, line: str) -> Mapping[str, TypeCount]:
        named = [one for one in self._in_force(line) if one.role is not LabelRole.WITHDRAWN and one.defect_type]
        counts = Counter(one.defect_type for one in named)
        teaching = Counter(one.defect_type for one in named if one.role is LabelRole.SUPPORT)
        return {str(name): TypeCount(labels=count, supports=teaching[name]) for name, count in counts.items()}

    def _in_force(self, line: str) -> list[Label]:
        frames, coils = self._all.frames, self._all.coils
        every = [one for one in self._all.labels.values() if coils[frames[one.region.frame].coil].line == line]
        return in_force(every)

    def _of(self, item: _Item) -> tuple[str, str]:
        return item.waiting.division.line, item.waiting.division.recipe

    def _behind(self, key: ItemKey, person: str, now: datetime) -> bool:
        until = self._state.skips.get((person, key))
        return until is not None and until > now

    def _number(self, frame: str, detector: str) -> int:
        return list(self._all.results).index((frame, detector)) + 1

    def _seen(self, key: ItemKey) -> ReviewItem:
        result = list(self._all.results.values())[key.result - 1]
        finding, frame = result.findings[key.ordinal], self._all.frames[result.frame]
        coil, item = self._all.coils[frame.coil], self._state.items.get(key)
        label = None if item is None or item.label is None else self.successor(item.label)
        return ReviewItem(
            key=key,
            line=coil.line,
            recipe=coil.recipe,
            coil=coil.id,
            frame=frame.id,
            camera=frame.camera,
            detector=result.detector,
            verdict=result.verdict.value,
            roi=finding.roi,
            name=finding.defect_type,
            life_cycle=finding.life_cycle.value,
            score=finding.score,
            crossweb_mm=finding.crossweb_mm,
            downweb_m=finding.downweb_m,
            width_mm=finding.width_mm,
            length_mm=finding.length_mm,
            captured_at=frame.captured_at,
            frame_height_px=frame.line_count,
            frame_width_px=frame.width_px,
            image=None if frame.pruned_at is not None else frame.image,
            heatmap=result.heatmap,
            runner_up=finding.runner_up,
            explanation=finding.explanation,
            reason=None if item is None else Reason(item.waiting.division.reason),
            informativeness=None if item is None else item.informativeness,
            group=None if item is None else item.group,
            state=None if item is None else item.state,
            label=None if label is None or label.role is LabelRole.WITHDRAWN else label,
        )


def _best_first(one: tuple[ItemKey, _Item]) -> tuple[float, int, int]:
    key, item = one
    return -item.informativeness, -key.result, -key.ordinal
