"""Encoded scenes of the stage on disk, drawn once by several processes and read many times.

Scenes come in groups that share one layout of shots; a shard holds some groups in half precision.
The folder's name follows from all that changes a latent, so a changed stage or codec never reads
what an earlier one drew. Shards are written whole or not at all: a stopped run draws the rest.
"""

from __future__ import annotations

import ast
import concurrent.futures
import contextlib
import hashlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

import holocine_core.lab.stage
from holocine_core.errors import Interrupted, MachineError
from holocine_core.events import Emit, LatentsDrawn, Stop, never
from holocine_core.lab.stage.sample import SHOT_LENGTHS, sample_layout, sample_scene
from holocine_core.lab.stage.world import EVERYTHING, Repertoire, Scene
from holocine_core.model.components import ComponentFiles
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames
from holocine_core.store.files import atomic
from holocine_core.store.tensors import CHECKSUM, set_aside, write_tensors
from holocine_core.store.vault import disk_errors, fingerprint
from holocine_core.train.recipe import GROUP

SHARD = 128
"""Scenes in one shard, or one group if that is larger."""
KEEP_S = 60.0
"""Seconds after which what is drawn is kept, though no shard is full: a kill takes no more."""
_ASKED_S = 0.2
"""Seconds between two looks at whether to stop."""
FEW = 2
"""Jobs that are done sooner than processes start."""
TELLING = frozenset(
    {
        "caption",
        "facts",
        "grammar",
        "sentences",
        "tell_cast",
        "tell_place",
        "tell_shot",
        "view",
        "voice",
        "words",
    }
)
"""Modules of the stage that change no picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All that decides a group's latents but its number.

    Attributes:
        vae: The codec's files.
        identity: Hash of the codec.
        height: Of the frames.
        width: Of the frames.
        latent_frames: Shortest and longest scene.
        shots: Shortest and longest shot in latent frames.
        group: Scenes that share one layout.
        world: What scenes are made of.
    """

    vae: ComponentFiles
    identity: str
    height: int
    width: int
    latent_frames: tuple[int, int]
    shots: tuple[int, int] = SHOT_LENGTHS
    group: int = GROUP
    world: Repertoire = EVERYTHING

    @property
    def key(self) -> str:
        """Changes whenever a latent would."""
        return fingerprint(
            {
                "codec": self.identity,
                "stage": stage_identity(),
                "size": [self.width, self.height],
                "latent_frames": self.latent_frames,
                "shots": self.shots,
                "group": self.group,
                **({} if self.world == EVERYTHING else {"world": asdict(self.world)}),
            }
        )

    def layout(self, group: int) -> tuple[int, ...]:
        """Shot lengths of a group's scenes in latent frames."""
        return layout_of(group, self.latent_frames, self.shots)


def layout_of(
    group: int, latent_frames: tuple[int, int], shots: tuple[int, int]
) -> tuple[int, ...]:
    """Shot lengths that a group's scenes share, within the shortest and longest scene and shot."""
    least, most = latent_frames
    return sample_layout(random.Random(f"layout {group}"), most, least, shots)


def stage_identity() -> str:
    """Hash of the code that draws; comments and docstrings do not count."""
    home = Path(holocine_core.lab.stage.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        if path.stem not in TELLING:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list):
                    node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
            digest.update(f"{path.relative_to(home)} {ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def _is_text(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


class LatentCache:
    """Latents of groups of scenes, in shards below one folder."""

    def __init__(self, folder: Path, drawing: Drawing) -> None:
        size = f"{drawing.width}x{drawing.height}"
        self.folder = folder / f"{size}-{drawing.key}"
        self._drawing = drawing
        self._shards: dict[int, Path] = {}

    @property
    def group_size(self) -> int:
        return self._drawing.group

    def layout(self, group: int) -> tuple[int, ...]:
        return self._drawing.layout(group)

    def scene(self, seed: int, layout: tuple[int, ...]) -> Scene:
        """The scene that a seed of these groups draws."""
        return sample_scene(seed, layout, within=self._drawing.world)

    def read(self, group: int) -> Tensor:
        """A group's latents [B, C, F, H, W], half precision.

        Raises:
            MachineError: Their shard is damaged, and is now called so.
        """
        path = self._shards[group]
        latents: Tensor | None = None
        with contextlib.suppress(SafetensorError), safe_open(path, framework="pt") as shard:
            read: Tensor = shard.get_tensor(f"group.{group}")
            told = (shard.metadata() or {}).get(f"{CHECKSUM}.{group}")
            # Shards of earlier versions have none.
            latents = read if told in (None, _sum(read)) else None
        if latents is None:
            raise set_aside(path)
        return latents

    def missing(self, groups: Sequence[int]) -> list[int]:
        """The groups that no shard holds yet."""
        self._find()
        return [group for group in groups if group not in self._shards]

    def _find(self) -> None:
        for path in sorted(self.folder.glob("[!.]*.safetensors")):
            first, last = (int(number) for number in path.stem.split("-"))
            self._shards |= dict.fromkeys(range(first, last + 1), path)

    def fill(
        self,
        groups: Sequence[int],
        *,
        emit: Emit,
        should_stop: Callable[[], bool],
        spare: int = 0,
    ) -> None:
        """Draw and encode what is missing, by one process per core.

        Args:
            groups: Numbers in rising order.
            emit: Told after every group.
            spare: Cores that are left to others, which this process works for.
            should_stop: Asked several times a second, or after every scene.

        Raises:
            Interrupted: Whatever groups are finished are kept.
            MachineError: Disk full, or a process was killed: what is finished is kept as well.
        """
        missing = self.missing(groups)
        if not missing:
            return
        with disk_errors("make the folder", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        started, done = time.monotonic(), 0
        kept = started
        waiting: dict[int, Tensor] = {}
        size = self._drawing.group
        try:
            with contextlib.closing(_drawn(self._drawing, missing, spare, should_stop)) as drawn:
                for group, latents in drawn:
                    if waiting and group != max(waiting) + 1:
                        full, waiting = waiting, {}
                        self._keep(full)
                    waiting[group] = torch.from_numpy(latents)
                    done += 1
                    emit(
                        LatentsDrawn(
                            size=f"{self._drawing.width}x{self._drawing.height}",
                            scenes=done * size,
                            of=len(missing) * size,
                            seconds=time.monotonic() - started,
                        )
                    )
                    if len(waiting) * size >= SHARD or time.monotonic() - kept > KEEP_S:
                        # What can't be written is not tried again below.
                        full, waiting = waiting, {}
                        self._keep(full)
                        kept = time.monotonic()
        finally:
            if waiting:
                self._keep(waiting)
        if done < len(missing):
            raise Interrupted("stopped while drawing; the scenes drawn so far are kept")
        self._find()

    def _keep(self, groups: dict[int, Tensor]) -> None:
        path = self.folder / f"{min(groups):07d}-{max(groups):07d}.safetensors"
        tensors = {f"group.{group}": latents for group, latents in groups.items()}
        sums = {f"{CHECKSUM}.{group}": _sum(latents) for group, latents in groups.items()}
        with disk_errors("keep latents", path), atomic(path) as part:
            write_tensors(part, tensors, sums)


def _sum(latents: Tensor) -> str:
    return hashlib.sha256(latents.contiguous().numpy().data).hexdigest()


Latents = NDArray[np.float16]


def _drawn(
    drawing: Drawing, groups: Sequence[int], spare: int, should_stop: Stop
) -> Generator[tuple[int, Latents]]:
    """Every group's latents, in order; only those that are finished once it should stop."""
    jobs = {group: [(group, at) for at in range(0, drawing.group, GROUP)] for group in groups}
    count = sum(map(len, jobs.values()))
    if count > FEW or spare:
        yield from _drawn_by_processes(drawing, jobs, count, spare, should_stop)
        return
    vae = load_component(drawing.vae, torch.float32)
    with contextlib.suppress(Interrupted):
        for group, parts in jobs.items():
            if should_stop():
                return
            drawn = [draw_scenes(drawing, *part, vae, should_stop) for part in parts]
            yield group, np.concatenate(drawn)


Jobs = Mapping[int, Sequence[tuple[int, int]]]


def _drawn_by_processes(
    drawing: Drawing, jobs: Jobs, count: int, spare: int, should_stop: Stop
) -> Generator[tuple[int, Latents]]:
    pool = concurrent.futures.ProcessPoolExecutor(
        max(1, min(count, len(os.sched_getaffinity(0)) - spare)),
        # Fork would copy the locks of torch's threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(drawing,),
    )
    drawn: dict[int, list[concurrent.futures.Future[Latents]]] = {}
    stopped = True
    try:
        for group, parts in jobs.items():
            drawn[group] = [pool.submit(_draw, part) for part in parts]
        while drawn:
            group = next(iter(drawn))
            if should_stop():
                yield from _finished(drawn)
                return
            if not concurrent.futures.wait(drawn[group], timeout=_ASKED_S).not_done:
                latents = _joined(drawn[group])
                del drawn[group]
                yield group, latents
        stopped = False
    except BrokenProcessPool as killed:
        yield from _finished(drawn)
        raise MachineError(
            "a process that draws scenes was ended by the system",
            hint="free some memory and run the same command again: finished scenes are kept",
        ) from killed
    finally:
        # A scene takes a second, and a process longer to begin: whoever stops waits for neither.
        # They write nothing.
        for process in list((pool._processes or {}).values()) if stopped else ():
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(
    drawn: Mapping[int, Sequence[concurrent.futures.Future[Latents]]],
) -> Iterator[tuple[int, Latents]]:
    """The groups that are whole."""
    for group, parts in drawn.items():
        if all(part.done() and part.exception() is None for part in parts):
            yield group, _joined(parts)


_WORKER: dict[str, Any] = {}


def _prepare(drawing: Drawing) -> None:
    """Open the codec in a worker process; stopping is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _WORKER.update(drawing=drawing, vae=load_component(drawing.vae, torch.float32))


def _joined(parts: Sequence[concurrent.futures.Future[Latents]]) -> Latents:
    """The jobs' results that make a group."""
    return np.concatenate([part.result() for part in parts])


def _draw(job: tuple[int, int]) -> Latents:
    return draw_scenes(_WORKER["drawing"], *job, _WORKER["vae"])


def draw_scenes(
    drawing: Drawing, group: int, at: int, vae: Any, should_stop: Stop = never
) -> Latents:
    """Draw and encode some of a group's scenes, from its number ``at`` on: [B, C, F, H, W].

    Raises:
        Interrupted: ``should_stop`` said so between two scenes.
    """
    from holocine_core.lab.stage.paint import draw

    layout = drawing.layout(group)
    first = drawing.group * group + at
    clips = []
    for seed in range(first, first + GROUP):
        scene = sample_scene(seed, layout, within=drawing.world)
        frames = draw(scene, drawing.height, drawing.width)
        clips.append(encode_frames(vae, frames.numpy()))
        if seed + 1 < first + GROUP and should_stop():
            raise Interrupted("stopped between two scenes")
    latents: Latents = torch.cat(clips).half().cpu().numpy()
    return latents
