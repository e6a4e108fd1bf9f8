"""One image judged on the spot."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel

from inspect_pipeline.domain.findings import Finding
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.web.access import Bench, MayScore
from inspect_pipeline.web.api.review_shapes import Box

router = APIRouter(tags=["score"])

LARGEST_UPLOAD_BYTES = 128 << 20


class FindingShape(BaseModel):
    """A region that is not normal, in px of the image; the score in multiples of the threshold."""

    box: Box
    name: str
    life_cycle: str
    score: float
    nearest_type: str | None
    margin: float | None

    @classmethod
    def of(cls, finding: Finding) -> "FindingShape":
        """Return what is shown of a finding."""
        told = finding.explanation
        return cls(
            box=Box.of(finding.roi),
            name=finding.defect_type,
            life_cycle=finding.life_cycle.value,
            score=finding.score,
            nearest_type=None if told is None else told.nearest_type,
            margin=None if told is None else told.margin,
        )


class VerdictShape(BaseModel):
    """What a detector version says of an image of this size."""

    verdict: str
    detector: str
    width: int
    height: int
    findings: list[FindingShape]


@router.post("/score")
def score(
    actor: MayScore,
    bench: Bench,
    image: Annotated[UploadFile, File(description="PNG, JPEG, BMP or TIFF, 8 or 16 bit")],
    line: Annotated[str, Form(min_length=1, max_length=80)],
    recipe: Annotated[str, Form(min_length=1, max_length=80)] = "default",
) -> VerdictShape:
    """Judge an image by the detector in force; nothing is stored."""
    del actor
    content = image.file.read(LARGEST_UPLOAD_BYTES + 1)
    if len(content) > LARGEST_UPLOAD_BYTES:
        raise BadImageError(f"the image has more than {LARGEST_UPLOAD_BYTES} bytes; send a smaller one")
    said = bench.single_scoring.judge(content, name="image", line=line, recipe=recipe)
    return VerdictShape(
        verdict=said.verdict.value,
        detector=said.detector,
        width=said.width_px,
        height=said.height_px,
        findings=[FindingShape.of(finding) for finding in said.findings],
    )
