"""A phase's samples, opened: drawn or encoded where they are not yet, and prepared ahead."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from holocine_core.errors import Interrupted
from holocine_core.events import Emit, LatentsDrawn
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
    home = cache_folder(recipe)
    if phase.data is None:
        return _stage(recipe, phase, company, home, emit, should_stop)
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
    return range(phase.first_seed // GROUP, (phase.first_seed + phase.scenes) // GROUP)


def held_out_groups(recipe: Recipe) -> range:
    first = HELD_OUT_SEEDS // GROUP
    return range(first, first + recipe.held_out.scenes // GROUP)


def _stage(
    recipe: Recipe, phase: Phase, company: Company, home: Path, emit: Emit, should_stop: Stop
) -> tuple[Clips, Clips]:
    located = company.located
    drawing = Drawing(
        vae=located.part("vae"),
        identity=located.identity()["vae"],
        height=phase.height,
        width=phase.width,
        latent_frames=phase.latent_frames,
        shots=phase.shots,
    )
    cache = LatentCache(home, drawing)
    mine, others = groups_of(phase), held_out_groups(recipe)
    cache.fill([*others, *mine], device=company.device, emit=emit, should_stop=should_stop)
    key = (recipe.seed, recipe.phases.index(phase))
    return StageClips(cache, mine, *key), StageClips(cache, others)


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
    """Prepares the next batch while one is trained on; a context manager.

    Beside training on the CPU every batch is made when it is asked for: torch's operations in a
    second thread begin a second team of OpenMP threads, and where there are more of them than cores
    all of them sleep between operations (a step took 1.6 times as long).

    Args:
        make: A pass's samples -> batch.
        passes: In the order they are asked for.
        device: That trains.
    """

    def __init__(
        self, make: Callable[[Pick], Batch], passes: Iterable[Pick], device: torch.device
    ) -> None:
        self._make = make
        self._passes = iter(passes)
        self._here = device.type == "cpu"
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._coming = None if self._here else self._submit()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def next(self) -> Batch:
        """The next batch; raises what making it raised."""
        if self._here:
            chosen = next(self._passes, None)
            if chosen is None:
                raise ValueError("no pass is left")
            return self._make(chosen)
        coming = self._coming
        if coming is None:
            raise ValueError("no pass is left")
        self._coming = self._submit()
        return coming.result()

    def _submit(self) -> concurrent.futures.Future[Batch] | None:
        chosen = next(self._passes, None)
        return None if chosen is None else self._pool.submit(self._make, chosen)
