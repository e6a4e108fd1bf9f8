"""The patches that may stand for each sample, gathered once: every fold chooses among them by its own metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.dense_head import anomalous_part
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import Support

_ROWS_AT_ONCE = 4096  # whitened patches are as large as the patches: those of so many are in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupportRows:
    """Patches inside the samples' regions and of their views: ``rows`` (n, d), ``counts`` of each region in turn.

    ``owners`` are the numbers of the samples that the regions belong to, ``at_most`` how many patches stand for each.
    """

    rows: Tensor
    counts: tuple[int, ...]
    owners: tuple[int, ...]
    at_most: tuple[int, ...]
    supports: int

    def parts(self, whiten: Callable[[Tensor], Tensor], *, share: float) -> list[Tensor]:
        """Return the whitened patches (k, d) that stand for each sample: the most anomalous part of it.

        ``whiten`` maps patches (m, d) into a metric of good material; the result is that of ``support_part``.
        """
        found: list[list[Tensor]] = [[] for _ in range(self.supports)]
        for begin, end in self._spans():
            counts = self.counts[begin:end]
            start = sum(self.counts[:begin])
            whitened = torch.split(whiten(self.rows[start : start + sum(counts)]), list(counts))
            for number, rows in enumerate(whitened, begin):
                found[self.owners[number]].append(anomalous_part(rows, share=share, at_most=self.at_most[number]))
        return [torch.cat(parts) for parts in found]

    def _spans(self) -> list[tuple[int, int]]:
        """Return the borders of runs of regions that are whitened together."""
        edges, held = [0], 0
        for number, count in enumerate(self.counts):
            if held and held + count > _ROWS_AT_ONCE:
                edges.append(number)
                held = 0
            held += count
        edges.append(len(self.counts))
        return [(begin, end) for begin, end in pairwise(edges) if end > begin]


def support_rows(supports: Sequence[Support], settings: DetectorSettings) -> SupportRows:
    """Return the patches that may stand for the samples."""
    regions = [(i, rows) for i, one in enumerate(supports) for rows in (one.patches[one.inside], *one.views)]
    guessed = [one.source is RegionSource.GUESSED for one in supports]
    at_most = (settings.support_patches, settings.support_patches_guessed)
    return SupportRows(
        rows=torch.cat([rows for _, rows in regions]) if regions else torch.zeros(0, 0),
        counts=tuple(len(rows) for _, rows in regions),
        owners=tuple(i for i, _ in regions),
        at_most=tuple(at_most[guessed[i]] for i, _ in regions),
        supports=len(supports),
    )
