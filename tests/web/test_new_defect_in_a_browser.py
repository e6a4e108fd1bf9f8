"""From a new unknown to a provisional type in a real browser, from files of a camera to the answer on the page."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from tests.conftest import REPOSITORY
from tests.web.operator_site import (
    COIL,
    LINE,
    RECIPE,
    Hand,
    opened,
    served,
    sign_in,
    taught_plant,
)

pytestmark = pytest.mark.required_in_ci
SCREENS = REPOSITORY / "build" / "operator-path"
MOST_KEYS = 12
NEW = "dead"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("operator")
    taught_plant(folder / "workspace", folder / "captures")
    return folder / "workspace", folder / "captures"


def kept(page: Page, name: str) -> None:
    """Keep what the person sees as output of the test."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png")


def test_a_person_makes_a_provisional_type_of_new_unknowns_with_a_dozen_keys(
    browser: Browser, plant: tuple[Path, Path]
) -> None:
    workspace, captures = plant
    with opened(workspace) as house:
        taken = house.ingest(str(captures / COIL), line=LINE, recipe=RECIPE)
        assert taken.captured == len(list((captures / COIL).iterdir()))
        house.score(COIL)
        with served(house) as base:
            page = browser.new_context(viewport={"width": 1024, "height": 768}, locale="en-US").new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            sign_in(page, base, "/queue")
            hand = Hand(page)
            page.wait_for_selector("#bench[data-ready*='-']")
            assert "unknown" in page.inner_text("#item-title")
            kept(page, "1-queue")
            faults = [one["id"] for one in Axe().run(page).response["violations"]]
            hand.press("a")
            hand.press("t")
            hand.press(NEW)
            hand.press("Enter")
            page.wait_for_selector("#teach-dialog[open]")
            kept(page, "2-labelled")
            hand.press("Enter")
            page.wait_for_url("**/teach/jobs/*")
            page.wait_for_selector(".answer")
            kept(page, "3-answer")
            assert "provisional" in page.inner_text(".answer")
            page.wait_for_selector("[data-open='no']", state="attached", timeout=120_000)
            page.screenshot(path=SCREENS / "4-effect.png", full_page=True)
            faults += [one["id"] for one in Axe().run(page).response["violations"]]
        with house.catalog.transaction() as unit:
            stages = {known.name: known.life_cycle for known in unit.types(LINE)}
            labels = [label for label in unit.labels(line=LINE, role=LabelRole.SUPPORT) if label.defect_type == NEW]
    assert hand.count <= MOST_KEYS
    assert stages[NEW] is LifeCycle.PROVISIONAL
    assert len(labels) >= 3 and {label.operator for label in labels} == {"Anna"}
    assert UNKNOWN_TYPE not in stages
    assert (said, faults) == ([], [])
