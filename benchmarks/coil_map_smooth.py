"""How smooth the map of a coil of 10,000 findings is in a real Chromium: first draw, redraws while panning and zooming.

python -m benchmarks.coil_map_smooth [--findings 10000] [--frames 2000] [--steps 240] [--out FILE]

The findings go through the catalog (``add_results``) and the REST interface; the browser is Debian's, headless,
without a GPU. A pan is a real drag of the mouse, a move a frame; measured are the draw function itself and the time
between two animation frames, which on a busy machine also counts the others.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, decide
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.people import Role, person
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app

COIL, JUDGE = "coil-1", "detector.strip.default@1"
TYPES = ("scratch", "hole", "roll mark", "dent", "edge crack", "stain", "scale", "unknown")
LINES, WIDTH_PX, MM = 1000, 2000, 0.5
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_WATCH = """() => {
  window.drawn = []; window.frames = [];
  document.querySelector('#coil-map canvas').addEventListener('drawn', (event) => window.drawn.push(event.detail.ms));
  let last = performance.now();
  const tick = (now) => { window.frames.push(now - last); last = now; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/coil_map_smooth.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_house(Settings(workspace=Path(folder))) as house:
        fill(house, findings=arguments.findings, frames=arguments.frames)
        with served(house) as address:
            measured = in_browser(address, steps=arguments.steps)
    document = {
        "command": f"python -m benchmarks.coil_map_smooth --findings {arguments.findings} --steps {arguments.steps}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "load_average": round(os.getloadavg()[0], 1),
        "findings": arguments.findings,
        "frames": arguments.frames,
        **measured,
    }
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


def fill(house: House, *, findings: int, frames: int) -> None:
    """Put one coil with so many findings into the catalog, spread over its frames at random."""
    rng = np.random.default_rng(0)
    rows = [frame(number) for number in range(frames)]
    counts = np.bincount(rng.integers(0, frames, size=findings), minlength=frames)
    results = [judged(row, int(count), rng) for row, count in zip(rows, counts, strict=True)]
    with house.catalog.transaction() as unit:
        unit.add_coil(Coil(id=COIL, line="strip", recipe="default", family="steel", created_at=NOON))
        unit.add_frames(rows)
        unit.add_results(COIL, results)


def frame(number: int) -> CapturedFrame:
    return CapturedFrame(
        id=f"{COIL}/{number}", coil=COIL, camera="cam-1", sequence=number, source=f"{number:05}.png",
        first_line=number * LINES, line_count=LINES, width_px=WIDTH_PX, captured_at=NOON + timedelta(seconds=number),
        mm_per_px_across=MM, mm_per_px_along=MM, image="a" * 64 + ".png",
    )  # fmt: skip


def judged(row: CapturedFrame, count: int, rng: np.random.Generator) -> FrameResult:
    found = []
    for _ in range(count):
        top, left = int(rng.integers(0, LINES - 40)), int(rng.integers(0, WIDTH_PX - 30))
        roi = Roi(top=top, left=left, bottom=top + 40, right=left + 30)
        place = row.place(roi)
        found.append(
            Finding(
                frame=row.id, roi=roi, defect_type=str(rng.choice(TYPES)), life_cycle=LifeCycle.APPROVED,
                score=float(1.0 + rng.exponential(1.0)), crossweb_mm=place.crossweb_mm, downweb_m=place.downweb_m,
                width_mm=place.width_mm, length_mm=place.length_mm, evidence=Evidence.TYPE,
            )
        )  # fmt: skip
    return FrameResult(frame=row.id, verdict=decide(found), detector=JUDGE, findings=tuple(found))


@contextmanager
def served(house: House) -> Iterator[str]:
    """Give the address of the workbench, served by uvicorn in this process."""
    app = create_app(Workbench(house=house), identify=lambda _request: person("anna", Role.OPERATOR))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def in_browser(address: str, *, steps: int) -> dict[str, Any]:
    """Return the times in milliseconds; the map stands at the whole coil, its most crowded view, then nearer."""
    executable = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        raise NotFoundError(f"no browser on PATH ({', '.join(BROWSERS)}); install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1024, "height": 768})
        begun = time.perf_counter()
        page.goto(f"{address}/coils/{COIL}")
        page.wait_for_selector("#coil-map[data-ready=yes]")
        ready_ms = (time.perf_counter() - begun) * 1000.0
        found = {"browser": browser.version, "page_to_first_draw_ms": round(ready_ms, 1)}
        page.evaluate(_WATCH)
        found["full_redraw_of_the_whole_coil"] = _redrawn(page, steps // 4)
        found["zoom_with_the_last_picture_stretched"] = _zoomed(page, steps)
        for name, presses in (("pan_half_the_coil", 1), ("pan_a_tenth", 3)):
            found[name] = _panned(page, presses, steps)
        browser.close()
    return found


def _redrawn(page: Page, steps: int) -> dict[str, Any]:
    """Draw every finding anew, which happens when types are shown or hidden and when a zoom has come to rest."""
    _reset(page)
    for _ in range(steps):
        page.locator('button[data-verdict="all"]').click()
        page.evaluate("new Promise(requestAnimationFrame)")
    return _read(page)


def _zoomed(page: Page, steps: int) -> dict[str, Any]:
    """Zoom in and out about the middle so little that all findings stay in view."""
    box = page.locator("#coil-map canvas").bounding_box()
    assert box is not None  # noqa: S101 - the page has a canvas
    page.locator("#coil-map canvas").focus()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
    _reset(page)
    for step in range(steps):
        page.mouse.wheel(0, -2 if step % 2 == 0 else 2)
        page.evaluate("new Promise(requestAnimationFrame)")
    return _read(page)


def _panned(page: Page, presses: int, steps: int) -> dict[str, Any]:
    page.locator('[data-act="whole"]').click()
    for _ in range(presses):
        page.locator('[data-act="closer"]').click()
    box = page.locator("#coil-map canvas").bounding_box()
    assert box is not None  # noqa: S101 - as above
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    _reset(page)
    for step in range(steps):
        swing = 120.0 * np.sin(step / 12.0)
        page.mouse.move(x + float(swing), y)
        page.evaluate("new Promise(requestAnimationFrame)")
    read = _read(page)
    page.mouse.up()
    return read


def _reset(page: Page) -> None:
    page.evaluate("() => { window.drawn.length = 0; window.frames.length = 0; }")


def _read(page: Page) -> dict[str, Any]:
    drawn, frames = page.evaluate("() => [window.drawn, window.frames]")
    return {"redraw_ms": _spread(drawn), "between_animation_frames_ms": _spread(frames)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 2),
        "max": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    main()
