"""A small conditional variational autoencoder of how samples vary about their type's mean (Kingma, Welling 2014).

Residuals (..., n, d) and conditions (..., n, d), the prototypes of their types; tensors are arguments. Weights are kept
times the root of the descriptor's length, so that a step of Adam moves what they give by about its rate.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def started_vae(dims: int, *, hidden: int, latent: int, seed: int) -> dict[str, Tensor]:
    """Return the tensors of encoder and decoder, drawn from ``seed``; the decoder says 0 until it has learned."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(rows: int, columns: int, spread: float) -> Tensor:
        return spread * torch.randn(rows, columns, generator=generator)

    long = math.sqrt(dims)  # descriptors have length 1, so this much is not divided away
    return {
        "vae_residual": drawn(dims, hidden, long),
        "vae_seen_with": drawn(dims, hidden, long),
        "vae_encoder_bias": torch.zeros(hidden),
        "vae_code": drawn(hidden, 2 * latent, hidden**-0.5),
        "vae_code_bias": torch.zeros(2 * latent),
        "vae_drawn": drawn(latent, hidden, latent**-0.5),
        "vae_drawn_with": drawn(dims, hidden, long),
        "vae_decoder_bias": torch.zeros(hidden),
        "vae_out": torch.zeros(hidden, dims),
    }


def decoded(code: Tensor, condition: Tensor, vae: Mapping[str, Tensor]) -> Tensor:
    """Return the residuals (..., n, d) that codes (..., n, latent) stand for."""
    long = math.sqrt(condition.shape[-1])
    still = condition @ vae["vae_drawn_with"] / long + vae["vae_decoder_bias"]
    # Less what the code 0 gives: a residual has mean 0 by its making, so only the code may move it.
    hidden = (code @ vae["vae_drawn"] + still).tanh() - still.tanh()
    return hidden @ vae["vae_out"] / long


def evidence_loss(
    residuals: Tensor, condition: Tensor, vae: Mapping[str, Tensor], *, noise: Tensor, left: float, warmth: float
) -> Tensor:
    """Return minus the evidence lower bound a channel, (...) for each task, its samples' mean without constants.

    ``noise`` (n, latent) is standard normal; ``left`` is the variance that a residual has, all channels together,
    beside what is decoded. ``warmth`` (0 to 1) is the weight of the divergence from the prior: begun at 1, a code is
    given up before the decoder has learned to use it (Bowman et al. 2016).
    """
    heard = (residuals @ vae["vae_residual"] + condition @ vae["vae_seen_with"]) / math.sqrt(residuals.shape[-1])
    hidden = (heard + vae["vae_encoder_bias"]).relu()
    mean, log_variance = (hidden @ vae["vae_code"] + vae["vae_code_bias"]).chunk(2, dim=-1)
    code = mean + noise * (0.5 * log_variance).exp()
    missed = (residuals - decoded(code, condition, vae)).square().sum(dim=-1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)
    return (0.5 * missed / left + warmth * divergence / residuals.shape[-1]).mean(dim=-1)
