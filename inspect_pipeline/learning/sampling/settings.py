"""What training episodes are made of; without NumPy or torch, so that settings can be read in a moment."""

from dataclasses import dataclass
from typing import Literal

from inspect_pipeline.errors import BadDataError

Policy = Literal["family_balanced", "uniform", "hierarchical", "hard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How often a type is drawn, and what an episode holds; the defaults are plain episodes of one family.

    ``policy``: "family_balanced" draws families equally often, then their types equally often; "uniform" every type
    equally often; "hierarchical" a family by (its samples) ** ``family_power``, then types by (their samples) **
    ``type_power`` (0: equally often, 1: in proportion, as in Meta-Dataset of Triantafillou et al. 2020); "hard" types
    by (their running query loss) ** ``hard_power``, families by the mean of that over their types. The running loss
    keeps ``hard_memory`` of itself a step, and a share ``hard_floor`` of the draws stays equal.

    ``domain_shuffle`` is the share of episodes with types of several families. ``ways`` and ``shots`` are the least
    and the most that a step's episodes have (None: those of the ``EpisodeSpec``). ``normal_class`` puts the family's
    normal type into every episode, as class 0. ``unlabelled`` samples of every class come along without label, and as
    many of each of ``distractors`` types that are not among the classes.
    """

    policy: Policy = "family_balanced"
    family_power: float = 0.5
    type_power: float = 0.5
    hard_power: float = 1.0
    hard_floor: float = 0.25
    hard_memory: float = 0.9
    domain_shuffle: float = 0.0
    ways: tuple[int, int] | None = None
    shots: tuple[int, int] | None = None
    normal_class: bool = False
    unlabelled: int = 0
    distractors: int = 0

    def __post_init__(self) -> None:
        if self.policy not in ("family_balanced", "uniform", "hierarchical", "hard"):
            raise BadDataError(
                f"sampling policy {self.policy!r} is not known; choose family_balanced, uniform, hierarchical or hard"
            )
        for name, bounds, least in (("ways", self.ways, 2), ("shots", self.shots, 1)):
            if bounds is not None and not least <= bounds[0] <= bounds[1]:
                raise BadDataError(f"{name} {list(bounds)} are no range; give two counts from {least} on, least first")
        powers = (self.family_power, self.type_power, self.hard_power)
        if not all(0.0 <= power <= 8.0 for power in powers):
            raise BadDataError(f"sampling powers {powers} cannot be used; give each between 0 and 8")
        if not (0.0 <= self.domain_shuffle <= 1.0 and 0.0 < self.hard_floor <= 1.0 and 0.0 <= self.hard_memory < 1.0):
            raise BadDataError(
                "sampling: domain_shuffle lies in [0, 1], hard_floor above 0 up to 1, hard_memory from 0 to below 1"
            )
        if self.unlabelled < 0 or self.distractors < 0 or (self.distractors and not self.unlabelled):
            raise BadDataError(
                f"{self.unlabelled} unlabelled samples of {self.distractors} distractors cannot be drawn; "
                "give counts from 0 on, and unlabelled samples where there are distractors"
            )

    @property
    def judged(self) -> "Sampling":
        """What episodes of an evaluation hold: the unlabelled samples of these, drawn evenly from single families."""
        return Sampling(unlabelled=self.unlabelled, distractors=self.distractors)

    @property
    def plain(self) -> bool:
        """Whether these are the episodes of ``episodes.episode``."""
        extras = (self.domain_shuffle, self.normal_class, self.unlabelled)
        return self.policy == "family_balanced" and not any(extras)
