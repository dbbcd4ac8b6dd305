"""A phase's samples, opened: drawn or encoded where they are not yet, and prepared ahead."""

from __future__ import annotations

import concurrent.futures
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

from holocine_core.errors import Interrupted
from holocine_core.events import Emit, LatentsDrawn, ignore
from holocine_core.model.weights import load_part
from holocine_core.stage.sample import HELD_OUT_SEEDS
from holocine_core.train.cache import Drawing, LatentCache
from holocine_core.train.clips import Batch, Clips, StageClips
from holocine_core.train.fits import Read, folders_of
from holocine_core.train.footage import FolderClips, Sample
from holocine_core.train.networks import Company
from holocine_core.train.order import Pick
from holocine_core.train.recipe import GROUP, Phase, Recipe

Stop = Callable[[], bool]
_MAKERS = 3
"""Processes that make batches beside a GPU."""
_PREPARED = 4
"""Batches that each of them has ready."""


def open_clips(
    recipe: Recipe, phase: Phase, company: Company, read: Read, emit: Emit, should_stop: Stop
) -> tuple[Clips, Clips | None]:
    """A phase's samples and its held-out ones; None where the recipe has none.

    Args:
        recipe: The run.
        phase: One of its phases.
        company: The networks.
        read: The samples of its folders, of :func:`check_fits`.
        emit: Told of what is drawn or encoded.
        should_stop: Asked now and then.

    Raises:
        MachineError: Disk, memory or ffmpeg failed.
        Interrupted: ``should_stop`` said so; what is encoded is kept.
    """
    if phase.data is None:
        return _stage(recipe, phase, company, emit, should_stop)
    home = cache_folder(recipe)
    opened = [
        _folder(read[one, phase.size], phase, company, home, emit, should_stop)
        for one in folders_of(recipe, phase)
    ]
    return opened[0], opened[1] if len(opened) > 1 else None


def cache_folder(recipe: Recipe) -> Path:
    """Where encoded clips are kept."""
    return Path(recipe.cache) if recipe.cache else Path(recipe.out) / "latents"


def groups_of(phase: Phase) -> range:
    """Groups of the stage's scenes that a phase trains on."""
    assert phase.scenes is not None
    last = phase.first_seed + phase.scenes
    return range(phase.first_seed // phase.group, last // phase.group)


def held_out_groups(recipe: Recipe) -> range:
    first = HELD_OUT_SEEDS // GROUP
    return range(first, first + recipe.held_out.scenes // GROUP)


def _stage(
    recipe: Recipe, phase: Phase, company: Company, emit: Emit, should_stop: Stop
) -> tuple[Clips, Clips]:
    wanted = _wanted(recipe, phase, company)
    for cache, groups in wanted:
        cache.fill(groups, emit=emit, should_stop=should_stop)
    (kept, others), (cache, mine) = wanted
    # By itself and not by what it says: two phases may say the same.
    at = next(i for i, one in enumerate(recipe.phases) if one is phase)
    key = (recipe.seed, at)
    return StageClips(cache, mine, *key), StageClips(kept, others)


Wanted = Sequence[tuple[LatentCache, Sequence[int]]]


def _wanted(recipe: Recipe, phase: Phase, company: Company) -> Wanted:
    """The groups that a phase measures by, the same for all runs however many samples their passes
    hold, and those that it trains on."""
    return (
        (_cache(recipe, phase, company, GROUP), held_out_groups(recipe)),
        (_cache(recipe, phase, company, phase.group), groups_of(phase)),
    )


def _cache(recipe: Recipe, phase: Phase, company: Company, group: int) -> LatentCache:
    """Of a phase's scenes, ``group`` of which share a layout."""
    located = company.located
    drawing = Drawing(
        vae=located.part("vae"),
        identity=located.identity()["vae"],
        height=phase.height,
        width=phase.width,
        latent_frames=phase.latent_frames,
        shots=phase.shots,
        group=group,
        world=phase.world,
    )
    return LatentCache(cache_folder(recipe), drawing)


def _folder(
    samples: Sequence[Sample],
    phase: Phase,
    company: Company,
    home: Path,
    emit: Emit,
    should_stop: Stop,
) -> FolderClips:
    located = company.located
    clips = FolderClips(samples, home, located.identity()["vae"])
    missing = clips.missing()
    if not missing:
        return clips
    vae = load_part(located.part("vae"), torch.float32).to(company.device)
    started = time.monotonic()
    for i, sample in enumerate(missing, 1):
        clips.encode(sample, vae)
        seconds = time.monotonic() - started
        emit(LatentsDrawn(size=phase.size, scenes=i, of=len(missing), seconds=seconds))
        if should_stop() and i < len(missing):
            raise Interrupted("stopped while encoding; the clips encoded so far are kept")
    return clips


class Ahead:
    """Makes a run's batches in their order; a context manager.

    Beside training on a GPU other processes make them, some batches ahead. On the CPU every batch
    is made when it is asked for: more threads than cores sleep between operations (a step took 1.6
    times as long).

    Args:
        make: A pass's samples -> batch.
        passes: In the order they are asked for.
        device: That trains.
    """

    def __init__(
        self, make: Callable[[Pick], Batch], passes: Iterable[Pick], device: torch.device
    ) -> None:
        self._made: Iterator[Batch] = map(make, passes)
        if device.type != "cpu":
            self._made = iter(
                DataLoader(
                    _Maker(make),
                    batch_size=None,
                    sampler=passes,
                    num_workers=min(_MAKERS, len(os.sched_getaffinity(0))),
                    prefetch_factor=_PREPARED,
                    # Spawned processes would take longer to begin than a short phase lasts.
                    multiprocessing_context="fork",
                )
            )

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *raised: object) -> None:
        # The loader ends its processes when nobody holds it.
        self._made = iter(())

    def next(self) -> Batch:
        """The next batch; raises what making it raised."""
        batch = next(self._made, None)
        if batch is None:
            raise ValueError("no pass is left")
        return batch


class _Maker(Dataset[Batch]):
    def __init__(self, make: Callable[[Pick], Batch]) -> None:
        self._make = make

    def __getitem__(self, one: Pick) -> Batch:
        return self._make(one)


def draw_ahead(recipe: Recipe, phase: Phase, company: Company) -> DrawnAhead | None:
    """Begin to draw a phase's scenes beside training on a GPU; None where that is not worth it."""
    if phase.data is not None or company.device.type == "cpu":
        return None
    return DrawnAhead(_wanted(recipe, phase, company))


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
                spare=_MAKERS + 1,
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
