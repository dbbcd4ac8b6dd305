"""What a phase trains on: groups of samples with one layout of shots, latents and told text.

Letters: B sample, C channel, F latent frame, H W latent rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from holocine_core.sample.conditioning import BatchTokens
from holocine_core.script.prompt import ScenePrompt
from holocine_core.script.timeline import LatentSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples that share one layout of shots.

    Attributes:
        latents_BCFHW: Normalised clips, in half precision as they are kept or float32.
        shots: Latent frames of every shot, the same in all samples.
        prompts: One per sample.
        facts_BSF: What is true of every shot, as the drawn world numbers it; None where nobody
            knows.
        tokens: The prompts', where they were made beforehand.
    """

    latents_BCFHW: Tensor
    shots: tuple[LatentSpan, ...]
    prompts: tuple[ScenePrompt, ...]
    facts_BSF: Tensor | None = None
    tokens: BatchTokens | None = None


class Samples(Protocol):
    """A set of samples in groups."""

    @property
    def sizes(self) -> Sequence[int]:
        """Samples of every group."""
        ...

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        """Some samples of a group, told as they are in ``epoch``."""
        ...


def latent_spans(layout: Sequence[int]) -> tuple[LatentSpan, ...]:
    """Shot lengths in latent frames -> each shot's latent frames."""
    edges = [0]
    for length in layout:
        edges.append(edges[-1] + length)
    return tuple(map(LatentSpan, edges[:-1], edges[1:]))
