"""Scenes of the drawn world as training samples: drawn latents, told afresh in every epoch."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from holocine_core.lab.latent_cache import LatentCache
from holocine_core.lab.stage.caption import tell
from holocine_core.lab.stage.facts import labels_of
from holocine_core.lab.stage.view import in_view
from holocine_core.lab.stage.world import Scene
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.train.data.batches import Batch, Layout, latent_spans


class StageDataset:
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
            shots=(latent_spans(layout),),
            prompts=tuple(self._told(scene, epoch) for scene in scenes),
            facts_BSF=torch.tensor(facts),
        )

    def layouts(self, group: int, members: Sequence[int]) -> tuple[Layout, ...]:
        return (latent_spans(self._cache.layout(self._groups[group])),) * len(members)

    def names(self, group: int, members: Sequence[int]) -> list[str]:
        number = self._groups[group]
        return [f"scene {self._cache.group_size * number + member}" for member in members]

    def _told(self, scene: Scene, epoch: int) -> ScenePrompt:
        key = " ".join(map(str, (*self._key, scene.seed, epoch)))
        told = tell(scene, random.Random(f"telling {key}")).screenplay
        return compose(told, told.scenes[0])
