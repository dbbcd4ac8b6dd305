"""What a phase trains on: groups of samples with one layout of shots, latents and told text.

Letters: B sample, C channel, F latent frame, H W latent rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from holocine_core.model.attention.segments import Windows
from holocine_core.sample.conditioning import BatchTokens
from holocine_core.script.prompt import ScenePrompt
from holocine_core.script.timeline import LatentSpan

Layout = tuple[LatentSpan, ...]
"""Latent frames of every shot of a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptText:
    """A prompt that was encoded once.

    Attributes:
        rows_LD: Its context rows, padding left out.
        windows: Per shot, its open rows; those from ``len(rows_LD)`` on are padding.
    """

    rows_LD: Tensor
    windows: Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of one size and length.

    Attributes:
        latents_BCFHW: Normalised clips, in half precision as they are kept or float32.
        shots: Latent frames of every shot: one layout for all samples, or one for each.
        prompts: One per sample; empty where ``texts`` are there.
        facts_BSF: What is true of every shot, as the drawn world numbers it; None where nobody
            knows.
        tokens: The prompts', where they were made beforehand.
        texts: The prompts as they were encoded before, one per sample.
    """

    latents_BCFHW: Tensor
    shots: tuple[Layout, ...]
    prompts: tuple[ScenePrompt, ...] = ()
    facts_BSF: Tensor | None = None
    tokens: BatchTokens | None = None
    texts: tuple[KeptText, ...] = ()

    def __post_init__(self) -> None:
        if len(self.shots) not in (1, len(self.latents_BCFHW)):
            raise ValueError(f"{len(self.shots)} layouts for {len(self.latents_BCFHW)} samples")

    @property
    def each(self) -> tuple[Layout, ...]:
        """Every sample's layout."""
        count = len(self.latents_BCFHW)
        return self.shots * count if len(self.shots) == 1 else self.shots


class Samples(Protocol):
    """A set of samples in groups."""

    @property
    def sizes(self) -> Sequence[int]:
        """Samples of every group."""
        ...

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        """Some samples of a group, told as they are in ``epoch``."""
        ...

    def layouts(self, group: int, members: Sequence[int]) -> tuple[Layout, ...]:
        """The shots of each of some samples."""
        ...

    def names(self, group: int, members: Sequence[int]) -> list[str]:
        """What people call some samples."""
        ...


def latent_spans(layout: Sequence[int]) -> Layout:
    """Shot lengths in latent frames -> each shot's latent frames."""
    edges = [0]
    for length in layout:
        edges.append(edges[-1] + length)
    return tuple(map(LatentSpan, edges[:-1], edges[1:]))
