"""Pictures for the pages: drawn from the store, named by what they show, kept by the reader's browser alone."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.services.frame_pictures import Picture
from inspect_pipeline.web.access import Bench, MayLook

router = APIRouter(prefix="/images")

_KEPT_S = 3600
_LARGEST_SIDE = 1 << 20

FrameId = Annotated[str, Path(max_length=200)]
LabelId = Annotated[str, Path(max_length=200)]
Side = Annotated[int, Query(ge=1, le=_LARGEST_SIDE)]
Corner = Annotated[int, Query(ge=0, le=_LARGEST_SIDE)]


@router.get("/items/{item}/crop.png")
def item_crop(
    *,
    request: Request,
    actor: MayLook,
    bench: Bench,
    item: Annotated[str, Path(max_length=40)],
    heat: Annotated[bool, Query(alias="heatmap")] = False,
) -> Response:
    """Return a finding with its surroundings; with ``heatmap=1`` under its heatmap."""
    del actor
    return _answer(request, bench.pictures.of_item(ItemKey.of(item), heat=heat))


@router.get("/labels/{label}/crop.png")
def label_crop(request: Request, actor: MayLook, bench: Bench, label: LabelId) -> Response:
    """Return the region of a label with its surroundings."""
    del actor
    return _answer(request, bench.pictures.of_label(label))


@router.get("/labels/{label}/mask.png")
def label_mask(request: Request, actor: MayLook, bench: Bench, label: LabelId) -> Response:
    """Return the mask of a label."""
    del actor
    return _answer(request, bench.pictures.mask_of_label(label))


@router.get("/frames/{frame:path}/overview.webp")
def overview(request: Request, actor: MayLook, bench: Bench, frame: FrameId) -> Response:
    """Return a whole frame, at most 2048 px long."""
    del actor
    return _answer(request, bench.pictures.overview(frame))


@router.get("/frames/{frame:path}/part.png")
def part(
    *,
    request: Request,
    actor: MayLook,
    bench: Bench,
    frame: FrameId,
    left: Corner,
    top: Corner,
    width: Side,
    height: Side,
    scale: Annotated[float, Query(gt=0.0, le=16.0)] = 1.0,
) -> Response:
    """Return a part of a frame; at scale 1 in full resolution."""
    del actor
    roi = Roi(top=top, left=left, bottom=top + height, right=left + width)
    return _answer(request, bench.pictures.part(frame, roi, scale=scale))


@router.get("/frames/{frame:path}/heatmap.png")
def heatmap(
    request: Request,
    actor: MayLook,
    bench: Bench,
    frame: FrameId,
    detector: Annotated[str, Query(max_length=200)] | None = None,
) -> Response:
    """Return the heatmap of a frame as a layer, that of the latest version where none is named."""
    del actor
    return _answer(request, bench.pictures.heatmap(frame, detector=detector))


def _answer(request: Request, picture: Picture) -> Response:
    """Return the picture, or that the browser has it: it is not drawn for that."""
    tag = f'"{picture.tag}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={_KEPT_S}", "X-Content-Type-Options": "nosniff"}
    asked = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in asked:
        return Response(status_code=304, headers=headers)
    return Response(picture.draw(), media_type=picture.media_type, headers=headers)
