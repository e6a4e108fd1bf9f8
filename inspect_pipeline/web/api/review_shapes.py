"""What the interface says of findings that wait, of labels and of groups."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field

from inspect_pipeline.domain.labels import Label
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review_records import ReviewGroup, ReviewItem
from inspect_pipeline.services.reviewing import Example, ItemDetail
from inspect_pipeline.web.addresses import label_crop, label_mask

_LARGEST_SIDE = 1 << 20

Side = Annotated[int, Field(ge=0, le=_LARGEST_SIDE)]


class Box(BaseModel):
    """A half-open box in px of its frame."""

    top: Side
    left: Side
    bottom: Side
    right: Side

    @classmethod
    def of(cls, roi: Roi) -> "Box":
        """Return the box of a region."""
        return cls(top=roi.top, left=roi.left, bottom=roi.bottom, right=roi.right)

    def roi(self) -> Roi:
        """Return the region. Raises BadDataError for an empty one."""
        return Roi(top=self.top, left=self.left, bottom=self.bottom, right=self.right)


class LabelShape(BaseModel):
    """One statement about a region."""

    id: str
    frame: str
    kind: str
    defect_type: str | None
    severity: int | None
    operator: str
    labelled_at: datetime
    role: str
    box: Box
    mask: str | None
    supersedes: str | None
    crop: str

    @classmethod
    def of(cls, label: Label) -> "LabelShape":
        """Return what is shown of a label."""
        return cls(
            id=label.id,
            frame=label.region.frame,
            kind=label.kind.value,
            defect_type=label.defect_type,
            severity=label.severity,
            operator=label.operator,
            labelled_at=label.labelled_at,
            role=label.role.value,
            box=Box.of(label.region.roi),
            mask=None if label.region.mask is None else label_mask(label.id),
            supersedes=label.supersedes,
            crop=label_crop(label.id),
        )


class ItemShape(BaseModel):
    """A finding: what it was called, where it lies, and what is said of it now."""

    id: str
    coil: str
    frame: str
    camera: str
    name: str
    life_cycle: str
    score: float
    margin: float | None
    nearest_type: str | None
    captured_at: datetime
    crossweb_mm: float
    downweb_m: float
    width_mm: float
    length_mm: float
    box: Box
    crop: str
    label: LabelShape | None

    @classmethod
    def of(cls, item: ReviewItem) -> "ItemShape":
        """Return what is shown of a finding."""
        return cls(
            id=str(item.key),
            coil=item.coil,
            frame=item.frame,
            camera=item.camera,
            name=item.name,
            life_cycle=item.life_cycle,
            score=item.score,
            margin=None if item.explanation is None else item.explanation.margin,
            nearest_type=item.nearest_type,
            captured_at=item.captured_at,
            crossweb_mm=item.crossweb_mm,
            downweb_m=item.downweb_m,
            width_mm=item.width_mm,
            length_mm=item.length_mm,
            box=Box.of(item.roi),
            crop=f"/images/items/{item.key}/crop.png",
            label=None if item.label is None else LabelShape.of(item.label),
        )


class GroupShape(BaseModel):
    """Like findings that wait, with the most informative one."""

    id: str
    size: int
    reason: str
    name: str
    nearest_type: str | None
    informativeness: float
    lead: ItemShape

    @classmethod
    def of(cls, group: ReviewGroup) -> "GroupShape":
        """Return what is shown of a group."""
        return cls(
            id=str(group.id),
            size=group.size,
            reason=group.reason.value,
            name=group.name,
            nearest_type=group.nearest_type,
            informativeness=group.value,
            lead=ItemShape.of(group.lead),
        )


class FrameSize(BaseModel):
    """The size of a frame in px."""

    width: int
    height: int


class ImagePlaces(BaseModel):
    """Where the pictures of a frame are: a part is asked for with ``?left&top&width&height&scale``."""

    part_url_template: str
    overview_url: str
    heatmap_url: str | None


class WhyShape(BaseModel):
    """The evidence behind a name; see ``domain.explanation``."""

    anomaly: float
    type_score: float | None
    channel: str | None
    named_by: str
    nearest_type: str | None
    margin: float | None
    distance: float | None
    limit: float | None
    contribution: dict[str, float]
    note: str | None


class ExampleShape(BaseModel):
    """A labelled sample near the finding."""

    label: str
    defect_type: str
    distance: float
    crop: str

    @classmethod
    def of(cls, example: Example) -> "ExampleShape":
        """Return what is shown of an example."""
        crop = label_crop(example.label.id)
        return cls(label=example.label.id, defect_type=example.defect_type, distance=example.distance, crop=crop)


class NeighbourShape(BaseModel):
    """Another finding nearby on the coil."""

    id: str
    name: str
    score: float
    downweb_m: float
    crossweb_mm: float
    crop: str

    @classmethod
    def of(cls, item: ReviewItem) -> "NeighbourShape":
        """Return what is shown of a neighbour."""
        return cls(
            id=str(item.key),
            name=item.name,
            score=item.score,
            downweb_m=item.downweb_m,
            crossweb_mm=item.crossweb_mm,
            crop=f"/images/items/{item.key}/crop.png",
        )


class ItemDetailShape(ItemShape):
    """All that is known of a finding; ``group`` is None where it never waited."""

    line: str
    recipe: str
    detector: str
    verdict: str
    reason: str | None
    frame_size: FrameSize
    image: ImagePlaces
    why: WhyShape | None
    examples: list[ExampleShape]
    neighbours: list[NeighbourShape]
    history: list[LabelShape]
    group: str | None

    @classmethod
    def of_detail(cls, detail: ItemDetail) -> "ItemDetailShape":
        """Return what is shown of a finding that a person opened."""
        item = detail.item
        shown = ItemShape.of(item)
        return cls(
            **{name: getattr(shown, name) for name in ItemShape.model_fields},
            line=item.line,
            recipe=item.recipe,
            detector=item.detector,
            verdict=item.verdict,
            reason=None if item.reason is None else item.reason.value,
            frame_size=FrameSize(width=item.frame_width_px, height=item.frame_height_px),
            image=_places(item),
            why=_why(item),
            examples=[ExampleShape.of(one) for one in detail.examples],
            neighbours=[NeighbourShape.of(one) for one in detail.neighbours],
            history=[LabelShape.of(one) for one in detail.history],
            group=None if item.group is None else str(item.group),
        )


def _places(item: ReviewItem) -> ImagePlaces:
    place = f"/images/frames/{quote(item.frame, safe='')}"
    heat = f"{place}/heatmap.png?detector={quote(item.detector, safe='')}"
    return ImagePlaces(
        part_url_template=f"{place}/part.png",
        overview_url=f"{place}/overview.webp",
        heatmap_url=None if item.heatmap is None else heat,
    )


def _why(item: ReviewItem) -> WhyShape | None:
    told = item.explanation
    if told is None:
        return None
    return WhyShape(
        anomaly=told.anomaly,
        type_score=told.type_score,
        channel=told.channel,
        named_by=told.named_by.value,
        nearest_type=told.nearest_type,
        margin=told.margin,
        distance=told.distance,
        limit=told.limit,
        contribution=dict(told.contribution),
        note=told.note,
    )
