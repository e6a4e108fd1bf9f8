"""Files of labels over pages, interface and command line, on a real workspace."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inspect_pipeline.cli.main import main
from inspect_pipeline.services.label_files.formats import FORMATS
from tests.integration.web.study_site import LINE, Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as opened:
        yield opened


TABLE = "image,class,xmin,ymin,xmax,ymax\n"


def _import(site: Site, who: str, content: bytes, form: str = "csv", **changes: str) -> Any:
    data = {"line": LINE, "format": form, **changes}
    return site.ask(who, "POST", "/api/v1/labels/import", files={"file": ("boxes ü.csv", content)}, data=data)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_downloaded_can_be_imported_again(site: Site, form: str) -> None:
    made = site.ask("anna", "GET", "/api/v1/labels/export", params={"line": LINE, "format": form})
    assert made.status_code == 200
    assert made.headers["content-disposition"] == f'attachment; filename="labels-{form}.{FORMATS[form].suffix}"'
    done = _import(site, "anna", made.content, form)
    assert done.status_code == 200, done.text
    assert done.json() == {"line": LINE, "format": form, "role": "held out", "images": 12, "labels": 12, "new": 12}
    assert _import(site, "anna", made.content, form).json()["new"] == 0


@pytest.mark.parametrize(
    ("who", "content", "changes", "status", "says"),
    [
        ("", b"", {}, 401, "sign in"),
        ("anna", b"", {}, 400, "no column 'image'"),
        ("anna", (TABLE + "nowhere.png,s,1,1,2,2\n").encode(), {}, 400, "nowhere.png"),
        ("anna", (TABLE + "0.png,s,1,1,2,2\n").encode(), {"format": "yolo"}, 400, "yolo"),
        ("anna", (TABLE + "0.png,s,1,1,2,2\n").encode(), {"line": "other"}, 404, "other"),
        ("anna", (TABLE + "0.png,s,1,1,2,2\n").encode(), {"role": "gate"}, 403, "gate"),
        ("anna", (TABLE + "0.png,s,1,1,2,2\n").encode(), {"role": "history"}, 400, "history"),
        (
            "anna",
            b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><annotations/>',
            {"format": "cvat"},
            400,
            "type",
        ),
        ("eve", (TABLE + "0.png,s,1,1,2,2\n").encode(), {"role": "gate"}, 200, '"new":1'),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    site: Site,
    who: str,
    content: bytes,
    changes: dict[str, str],
    status: int,
    says: str,
) -> None:
    answer = _import(site, who, content, **changes)
    assert answer.status_code == status, answer.text
    assert says in answer.text


def test_pages_show_the_two_ways_and_only_roles_that_the_reader_may_use(site: Site) -> None:
    operator, engineer = site.got("anna", "/labels").text, site.got("eve", "/labels").text
    assert "the golden set" in engineer
    assert "the golden set" not in operator
    assert 'action="/api/v1/labels/export"' in operator
    assert "Look at the labels" in site.got("anna", "/labels/noise").text


def test_noise_needs_an_initialization_and_a_correction_is_made_by_those_who_may(site: Site) -> None:
    url = "/api/v1/labels/noise/label-1/correct"
    right = {"line": LINE, "name": "Kratzer"}
    assert site.ask("anna", "GET", f"/api/v1/labels/noise?line={LINE}x").status_code == 404
    assert site.got("anna", "/images/labels/label-1/crop.png").content[:4] == b"\x89PNG"
    assert site.ask("", "POST", url, json=right).status_code == 401
    made = site.ask("anna", "POST", url, json=right)
    assert (made.status_code, made.json()["supersedes"]) == (201, "label-1")
    assert site.ask("anna", "POST", url, json=right).status_code == 409
    with site.bench.house.catalog.transaction() as unit:
        new = next(one for one in unit.labels(line=LINE) if one.supersedes == "label-1")
    assert (new.operator, new.defect_type) == ("anna", "Kratzer")


def test_the_command_line_exports_and_imports(
    site: Site,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = ["--workspace", str(site.bench.house.settings.workspace), "--json"]
    out = tmp_path / "labels.xml"
    assert main(["labels", "export", "--format", "cvat", "--line", LINE, "--out", str(out), *workspace]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(out), "format": "cvat", "line": LINE, "images": 12, "labels": 12,
    }  # fmt: skip
    again = ["labels", "import", str(out), "--format", "cvat", "--line", LINE, "--operator", "anna", *workspace]
    assert main([*again, "--role", "gate"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == 12
    assert main([*again, "--role", "history"]) == 2
    assert main(["labels", "import", str(tmp_path / "none"), "--format", "coco", *workspace]) == 2
    assert "there is no file" in capsys.readouterr().err
