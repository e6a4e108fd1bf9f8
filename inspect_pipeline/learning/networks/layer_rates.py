"""Learning rates by depth: the last part of a network at the full rate, every part before it at a share of the next's.

Discriminative rates (Howard, Ruder 2018): what lies deep in the trunk is general and is moved less.
"""

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.networks.network_embedding import PREFIX, NetworkEmbedding


def rate_shares(embedding: NetworkEmbedding, *, decay: float) -> dict[str, float]:
    """Return for every learned tensor, by its name in the head, the share of the rate: decay ** parts behind it.

    What is not of the network has none, and learns at the full rate.

    Raises BadDataError for a decay outside (0, 1].
    """
    if not 0.0 < decay <= 1.0:
        raise BadDataError(f"learning rates cannot decay by {decay} a part; give a number above 0 and up to 1")
    links = embedding.links
    return {f"{PREFIX}{name}": decay ** _parts_behind(name, links) for name in embedding.learned}


def _parts_behind(name: str, links: tuple[str, ...]) -> int:
    at = next((place for place, link in enumerate(links) if name.startswith(f"{link}.")), 0)
    return len(links) - 1 - at
