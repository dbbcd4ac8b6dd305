"""What a phase trains on: groups of samples with one layout of shots, latents and told text.

Letters: B sample, C channel, F latent frame, H W latent rows and columns.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from holocine_core.sample.conditioning import BatchTokens
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.timeline import Span
from holocine_core.stage.caption import tell
from holocine_core.stage.facts import labels_of
from holocine_core.stage.view import in_view
from holocine_core.stage.world import Scene
from holocine_core.train.cache import LatentCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples that share one layout of shots.

    Attributes:
        latents_BCFHW: Normalised clips, in half precision as they are kept or float32.
        shots: Latent frames of every shot, the same in all samples.
        prompts: One per sample.
        facts_BSF: What is true of every shot, as ``stage.facts.labels_of`` numbers it; None where
            nobody knows.
        tokens: The prompts', where they were made beforehand.
    """

    latents_BCFHW: Tensor
    shots: tuple[Span, ...]
    prompts: tuple[ScenePrompt, ...]
    facts_BSF: Tensor | None = None
    tokens: BatchTokens | None = None


class Clips(Protocol):
    """A set of samples in groups."""

    @property
    def sizes(self) -> Sequence[int]:
        """Samples of every group."""
        ...

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        """Some samples of a group, told as they are in ``epoch``."""
        ...


class StageClips:
    """Scenes of the drawn world: latents from a cache, captions told afresh in every epoch."""

    def __init__(self, cache: LatentCache, groups: Sequence[int], *key: object) -> None:
        """
        Args:
            cache: That holds the groups.
            groups: Their numbers.
            key: Decides, with a scene and its epoch, what is told of it.
        """
        self._cache = cache
        self._groups = groups
        self._key = key

    @property
    def sizes(self) -> Sequence[int]:
        return [self._cache.group_size] * len(self._groups)

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        number = self._groups[group]
        layout = self._cache.layout(number)
        seeds = [self._cache.group_size * number + member for member in members]
        latents = self._cache.read(number)[torch.tensor(list(members))]
        scenes = [self._cache.scene(seed, layout) for seed in seeds]
        facts = [[labels_of(in_view(scene, shot)) for shot in scene.shots] for scene in scenes]
        return Batch(
            latents_BCFHW=latents,
            shots=latent_spans(layout),
            prompts=tuple(self._told(scene, epoch) for scene in scenes),
            facts_BSF=torch.tensor(facts),
        )

    def _told(self, scene: Scene, epoch: int) -> ScenePrompt:
        key = " ".join(map(str, (*self._key, scene.seed, epoch)))
        told = tell(scene, random.Random(f"telling {key}")).screenplay
        return compose(told, told.scenes[0])


def latent_spans(layout: Sequence[int]) -> tuple[Span, ...]:
    """Shot lengths in latent frames -> each shot's latent frames."""
    edges = [0]
    for length in layout:
        edges.append(edges[-1] + length)
    return tuple(map(Span, edges[:-1], edges[1:]))
