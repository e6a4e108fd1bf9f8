"""Detectors outside the program, as the fake house writes them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class FakeServing:
    """Keeps what it was asked for; a served folder gets one file."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def write_served(self, model: str, folder: Path, *, version: str | None, alias: str | None) -> str:
        self.calls.append(("write_served", {"model": model, "version": version, "alias": alias}))
        (folder / "MLmodel").write_text("model")
        return version or "4"

    def export_graph(
        self,
        model: str,
        *,
        form: str,
        out: Path,
        size: tuple[int, int, int] | None,
        bits: int,
        version: str | None,
        alias: str | None,
    ) -> dict[str, Any]:
        asked = {"model": model, "form": form, "size": size, "bits": bits, "version": version, "alias": alias}
        self.calls.append(("export_graph", asked))
        return {"paths": [str(out), str(out.with_suffix(".json"))], "version": version or "4", "frame": [96, 96]}
