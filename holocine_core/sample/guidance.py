"""Classifier-free guidance (Ho and Salimans, arXiv 2207.12598)."""

from __future__ import annotations

from torch import Tensor


def classifier_free_guidance(with_text: Tensor, without: Tensor, scale: float) -> Tensor:
    """The prediction led away from the one without the prompt.

    Args:
        with_text: Velocity told by the prompt, of any shape.
        without: Velocity told by the negative prompt, of the same shape.
        scale: 1 is the prompt alone; higher pulls harder.
    """
    return without + scale * (with_text - without)
