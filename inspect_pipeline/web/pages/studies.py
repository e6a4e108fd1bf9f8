"""Pages of attribute agreement studies: the list, a new one, judging, results, and their pictures."""

import csv
import io

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from inspect_pipeline.domain.agreement import NOTHING_JUDGED, ONE_CATEGORY, ONE_RATER
from inspect_pipeline.domain.effectiveness import NO_BAD_ITEM, NO_GOOD_ITEM, NO_ITEM, NO_REFERENCE
from inspect_pipeline.domain.studies import NOT_A_DEFECT, StudyState, remarks
from inspect_pipeline.domain.study_results import StudyResults
from inspect_pipeline.services.studies import MOST_ITEMS
from inspect_pipeline.web.access import Bench, MayJudgeStudy, MayLook, MayManageStudy
from inspect_pipeline.web.api.studies import judging_person
from inspect_pipeline.web.rendering import page

router = APIRouter(prefix="/studies")
_KEYS = "123456789abcdefghijklmopqrstuvwxyz"
"""Keys of the types in their order; 0 and n are no defect."""

REASONS = {
    NOTHING_JUDGED: "nothing_judged",
    ONE_CATEGORY: "one_category",
    ONE_RATER: "one_rater",
    NO_BAD_ITEM: "no_bad_item",
    NO_GOOD_ITEM: "no_good_item",
    NO_ITEM: "no_item",
    NO_REFERENCE: "no_reference_given",
}
"""The words for why a figure is missing, by the reason."""


@router.get("")
def list_page(request: Request, bench: Bench, actor: MayLook, line: str | None = None) -> HTMLResponse:
    """Show the studies, newest first."""
    shown = {"studies": bench.studies.overviews(line=line), "line": line}
    return page(request, "studies_list.html", shown)


@router.get("/new")
def new_page(request: Request, bench: Bench, actor: MayManageStudy, line: str = "") -> HTMLResponse:
    """Show the form of a new study."""
    lines = bench.house.lines()
    shown = {
        "lines": sorted({name for name, _ in lines}),
        "recipes": sorted({recipe for _, recipe in lines}),
        "line": line,
        "most": MOST_ITEMS,
        "seed": int(bench.clock().timestamp()),
    }
    return page(request, "studies_new.html", shown)


@router.get("/{study}")
def study_page(request: Request, bench: Bench, actor: MayLook, study: str) -> HTMLResponse:
    """Show how far an open study is, or what a closed one says."""
    overview = bench.studies.overview(study)
    if overview.state is StudyState.OPEN:
        return page(request, "studies_open.html", {"study": overview})
    results = bench.studies.results(study)
    shown = {
        "study": overview,
        "results": results,
        "reasons": REASONS,
        "matrix": {(cell.row, cell.answer): cell.count for cell in results.matrix},
        "remarks": remarks(results.study.items),
    }
    return page(request, "studies_results.html", shown)


@router.get("/{study}/judge")
def judge_page(request: Request, bench: Bench, actor: MayJudgeStudy, study: str) -> HTMLResponse:
    """Show the item that the reader judges next."""
    task = bench.studies.task(study, who=judging_person(bench, actor, study))
    keys = list(_KEYS[: len(task.types)]) + [""] * (len(task.types) - len(_KEYS))
    return page(request, "studies_judge.html", {"task": task, "answers": list(zip(task.types, keys, strict=True))})


@router.get("/{study}/trials/{trial}/{position}.png")
def place_picture(bench: Bench, actor: MayJudgeStudy, study: str, trial: int, position: int) -> Response:
    """Return the picture at the reader's place, or the next one."""
    return _png(bench.studies.picture(study, who=judging_person(bench, actor, study), trial=trial, position=position))


@router.get("/{study}/items/{number}.png")
def item_picture(bench: Bench, actor: MayLook, study: str, number: int) -> Response:
    """Return the picture of an item of a closed study."""
    return _png(bench.studies.item_picture(study, number))


@router.get("/{study}/answers.csv")
def answers_table(bench: Bench, actor: MayLook, study: str) -> Response:
    """Return every answer of a closed study as a table, as other programs of statistics read it."""
    name = f"study-{study}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(_table(bench.studies.results(study)), media_type="text/csv; charset=utf-8", headers=headers)


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=600"})


def _table(results: StudyResults) -> str:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["item", "reference", "appraiser", "trial", "answer"])
    for one in results.every_item:
        reference = "" if one.item.reference is None else _word(one.item.reference)
        for who, answers in one.answers.items():
            for trial, answer in enumerate(answers, start=1):
                said = "" if answer is None else _word(answer)
                rows.writerow([one.item.number, _plain(reference), _plain(who), trial, _plain(said)])
    return "\ufeff" + out.getvalue()


def _word(answer: str) -> str:
    return "not a defect" if answer == NOT_A_DEFECT else answer


def _plain(text: str) -> str:
    """Return the text so that no table program takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
