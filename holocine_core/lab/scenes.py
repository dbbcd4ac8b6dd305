"""A phase's scenes of the drawn world: which they are, drawn where they are not yet."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Sequence

from holocine_core.events import Emit, Stop, ignore
from holocine_core.lab.clips import StageDataset
from holocine_core.lab.latent_cache import Drawing, LatentCache
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS
from holocine_core.train.check import cache_folder
from holocine_core.train.data.batches import Samples
from holocine_core.train.data.loader import MAKERS
from holocine_core.train.networks import TrainingModel
from holocine_core.train.recipe import GROUP, Phase, Recipe


def groups_of(phase: Phase) -> range:
    """Groups of the stage's scenes that a phase trains on."""
    assert phase.scenes is not None
    last = phase.first_seed + phase.scenes
    return range(phase.first_seed // phase.group, last // phase.group)


def held_out_groups(recipe: Recipe) -> range:
    first = HELD_OUT_SEEDS // GROUP
    return range(first, first + recipe.held_out.scenes // GROUP)


def open_scenes(
    recipe: Recipe, phase: Phase, model: TrainingModel, emit: Emit, should_stop: Stop
) -> tuple[Samples, Samples]:
    """A phase's samples and its held-out ones; what is missing is drawn.

    Raises:
        MachineError: Disk or memory failed.
        Interrupted: ``should_stop`` said so; what is drawn is kept.
    """
    wanted = wanted_of(recipe, phase, model)
    for cache, groups in wanted:
        cache.fill(groups, emit=emit, should_stop=should_stop)
    (kept, others), (cache, mine) = wanted
    # By itself and not by what it says: two phases may say the same.
    at = next(i for i, one in enumerate(recipe.phases) if one is phase)
    key = (recipe.seed, at)
    return StageDataset(cache, mine, *key), StageDataset(kept, others)


Wanted = Sequence[tuple[LatentCache, Sequence[int]]]


def wanted_of(recipe: Recipe, phase: Phase, model: TrainingModel) -> Wanted:
    """The groups that a phase measures by, the same for all runs however many samples their passes
    hold, and those that it trains on."""
    return (
        (_cache(recipe, phase, model, GROUP), held_out_groups(recipe)),
        (_cache(recipe, phase, model, phase.group), groups_of(phase)),
    )


def _cache(recipe: Recipe, phase: Phase, model: TrainingModel, group: int) -> LatentCache:
    """Of a phase's scenes, ``group`` of which share a layout."""
    located = model.located
    drawing = Drawing(
        vae=located.component("vae"),
        identity=located.identity()["vae"],
        height=phase.height,
        width=phase.width,
        latent_frames=phase.latent_frames,
        shots=phase.shots,
        group=group,
        world=phase.world,
    )
    return LatentCache(cache_folder(recipe), drawing)


class DrawnAhead:
    """Draws scenes beside other work.

    Args:
        wanted: Caches and the groups that they are to hold.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._emit: Emit = ignore
        self._over = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._fill, wanted)

    def _fill(self, wanted: Wanted) -> None:
        # The few that are measured by are not what training waits for.
        for cache, groups in reversed(wanted):
            cache.fill(
                groups,
                emit=lambda event: self._emit(event),
                should_stop=self._over.is_set,
                spare=MAKERS + 1,
            )

    def wait(self, emit: Emit, should_stop: Stop) -> None:
        """Until all is drawn; raises what drawing raised, and Interrupted as ``should_stop`` says.

        Args:
            emit: Told of what is drawn from now on.
            should_stop: Asked every second.
        """
        self._emit = emit
        while not self._done.done():
            concurrent.futures.wait([self._done], timeout=1)
            if should_stop():
                self._over.set()
        self._pool.shutdown()
        self._done.result()

    def stop(self) -> None:
        """End it; finished shards are kept."""
        self._over.set()
        concurrent.futures.wait([self._done])
        self._pool.shutdown()
