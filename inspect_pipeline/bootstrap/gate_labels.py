"""Labels for the gate from a labelled folder, and the trial of detectors on them, made when it is first asked for."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.peak_memory import peak_memory
from inspect_pipeline.bootstrap.runtimes import equip
from inspect_pipeline.bootstrap.stores import SAMPLES, Stores
from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.trial import Trial

if TYPE_CHECKING:
    from inspect_pipeline.services.gate_trial import GateTrials
    from inspect_pipeline.services.ingest import IngestSummary


@dataclass(kw_only=False)
class LateTrials:
    """The trials of a workspace; torch is imported when a gate first needs one. ``golden_only``: on the golden set."""

    stores: Stores
    golden_only: bool = False
    made: "list[GateTrials]" = field(default_factory=list)

    def run(self, line: str, challenger: Bundle, champion: Bundle | None) -> tuple[Trial, Trial | None] | None:
        """Return the trial of each detector on the line's labels for the gate, None where it has none."""
        from inspect_pipeline.services.gate_trial import GATE_ROLES, GateTrials

        if not self.made:
            stores = self.stores
            self.made.append(
                GateTrials(
                    catalog=stores.catalog,
                    images=stores.images,
                    clock=stores.clock,
                    progress=stores.progress,
                    equip=partial(equip, stores),
                    roles=(LabelRole.GOLDEN,) if self.golden_only else GATE_ROLES,
                    normality_too=not self.golden_only,
                    peak_mib=peak_memory,
                )
            )
        return self.made[0].run(line, challenger, champion)


def add_labels(stores: Stores, folder: Path, *, role: str, line: str, recipe: str, operator: str) -> "IngestSummary":
    """Take in the images of a data folder with their labels in this role, as frames of the line that are not judged.

    An image that is there already keeps its frame; known labels stay. Raises BadImageError or BadDataError.
    """
    from inspect_pipeline.cameras.data_folder import read_data_folder
    from inspect_pipeline.services.labelled_source import LabelledSource

    source = LabelledSource(
        images=read_data_folder(folder),
        store=stores.images,
        role=LabelRole(role),
        operator=operator,
        clock=stores.clock,
    )
    coil = stores.coil_named(f"{SAMPLES}{line} ({role})", line=line, recipe=recipe, family=line)
    return stores.ingesting(recipe, label_frame=source.labels, finished=True).run(source, coil)
