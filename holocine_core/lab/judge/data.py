"""What a judge learns from: shots of random scenes, their truth, and the blemishes of made films.

Letters: B shot, N frame looked at, H W rows and columns.
"""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError
from holocine_core.lab.judge.network import LOOKS, SIZE, looks
from holocine_core.lab.stage.facts import labels_of
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.view import in_view
from holocine_core.lab.stage.world import EVERYTHING, Repertoire, Scene

_NOVEL_EVERY = 3
"""Every so many scenes shows a combination that films are not trained on."""
_SCENES_A_TASK = 8


@dataclass(frozen=True, slots=True)
class Shots:
    """Drawn shots.

    Attributes:
        frames: uint8 [B, N, H, W, 3].
        labels: int64 [B, fields]; HIDDEN where not in view.
        sizes: Picture size of every shot.
    """

    frames: Tensor
    labels: Tensor
    sizes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)


def join(parts: Sequence[Shots]) -> Shots:
    """All shots as one."""
    return Shots(
        torch.cat([part.frames for part in parts]),
        torch.cat([part.labels for part in parts]),
        tuple(size for part in parts for size in part.sizes),
    )


def scene_of(seed: int, within: Repertoire = EVERYTHING) -> Scene:
    """A judge's scene: familiar and novel combinations mixed."""
    return sample_scene(seed, novel=seed % _NOVEL_EVERY == 0, within=within)


def draw_shots(
    seed: int,
    codec: Path | None = None,
    share: float = 0.0,
    within: Repertoire = EVERYTHING,
) -> Shots:
    """The shots of a seed's scene.

    Args:
        seed: Decides everything.
        codec: Folder of a video codec.
        share: How many scenes come back through the codec, with a little noise on their latents.
        within: What the scene may be made of.
    """
    from holocine_core.lab.stage.paint import draw

    scene = scene_of(seed, within)
    at = [shot.frames.start + look for shot in scene.shots for look in looks(len(shot.frames))]
    rng = random.Random(f"judge {seed}")
    if codec is not None and rng.random() < share:
        noise = rng.uniform(0, 0.25)
        needed = _beside(at, scene.shots[-1].frames.stop, codec)
        clip = draw(scene, *SIZE, only=frozenset(needed)).numpy()
        back = through_codec(codec, clip, noise=noise, seed=seed)
        frames = torch.from_numpy(back[[needed.index(frame) for frame in at]])
    else:
        frames = draw(scene, *SIZE, only=frozenset(at))
    return Shots(
        frames.view(len(scene.shots), LOOKS, *SIZE, 3),
        torch.tensor([labels_of(in_view(scene, shot)) for shot in scene.shots]),
        tuple(shot.size for shot in scene.shots),
    )


def _beside(at: Sequence[int], count: int, codec: Path) -> list[int]:
    """The frames that a codec must see to give some back; of a folding one each latent frame stands
    for itself, which saves most of the work."""
    from holocine_core.model.nano_net.codec import AutoencoderFold

    if not isinstance(load_codec(codec), AutoencoderFold):
        return list(range(count))
    folded = {(frame - 1) // 4 for frame in at if frame}
    return [0, *(4 * one + inner for one in sorted(folded) for inner in range(1, 5))]


_CODECS: dict[Path, Any] = {}


def load_codec(folder: Path) -> Any:
    """The codec of a folder, loaded once in a process."""
    if folder not in _CODECS:
        from holocine_core.model.components import ComponentFiles, part_in_folder
        from holocine_core.model.weights import load_component

        files = part_in_folder(folder, "vae", hint="give a codec's folder, with config.json")
        if not isinstance(files, ComponentFiles):
            raise InputError(
                "there is no codec", where=str(files.path), hint="give a folder with config.json"
            )
        _CODECS[folder] = load_component(files, torch.float32)
    return _CODECS[folder]


def through_codec(folder: Path, frames: Frames, noise: float = 0.0, seed: int = 0) -> Frames:
    """Frames of a scene (4t+1) encoded and decoded again.

    Args:
        folder: Of the codec.
        frames: RGB [T, H, W, 3].
        noise: Standard deviation of noise on the normalised latents.
        seed: Of that noise.
    """
    from holocine_core.sample.vae import decode_latents, encode_frames

    vae = load_codec(folder)
    latents = encode_frames(vae, frames)
    if noise:
        generator = torch.Generator().manual_seed(seed)
        latents = latents + noise * torch.randn(latents.shape, generator=generator)
    return np.concatenate(list(decode_latents(vae, latents)))


def _one_thread() -> None:
    torch.set_num_threads(1)


def _task(
    seeds: Sequence[int], codec: Path | None, share: float, within: Repertoire
) -> tuple[Any, Any, Any]:
    shots = join([draw_shots(seed, codec, share, within) for seed in seeds])
    return shots.frames.numpy(), shots.labels.numpy(), shots.sizes


def drawn(
    first: int,
    codec: Path | None = None,
    share: float = 0.0,
    workers: int | None = None,
    within: Repertoire = EVERYTHING,
) -> Generator[Shots, None, None]:
    """Shots of scene after scene, without end, from a pool of processes.

    Which come is decided by ``first``; their order is that of finishing.
    """
    count = workers or os.cpu_count() or 1
    context = get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=_one_thread) as pool:
        following = iter(range(first, first + 10**8, _SCENES_A_TASK))
        running: set[Future[tuple[Any, Any, Any]]] = set()
        try:
            while True:
                while len(running) < 2 * count:
                    start = next(following)
                    seeds = range(start, start + _SCENES_A_TASK)
                    running.add(pool.submit(_task, seeds, codec, share, within))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    frames, labels, sizes = future.result()
                    yield Shots(torch.from_numpy(frames), torch.from_numpy(labels), sizes)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def blemish(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Frames as a generator might make them: moved, soft, noisy, a little off in colour.

    Args:
        frames: [B, N, 3, H, W] in 0..1; all frames of a shot are changed alike.
        generator: On the CPU.
    """
    return torch.stack([_blemished(shot, generator) for shot in frames]).clamp(0, 1)


def _blemished(shot: Tensor, generator: torch.Generator) -> Tensor:
    chance = torch.rand(8, generator=generator).tolist()
    rows, columns = shot.shape[2:]
    dy, dx = (round((c - 0.5) * 9) for c in chance[:2])
    if dy or dx:
        padded = F.pad(shot, (4, 4, 4, 4), mode="replicate")
        shot = padded[:, :, 4 + dy : 4 + dy + rows, 4 + dx : 4 + dx + columns]
    if chance[2] < 0.35:
        small = [round(side * (0.45 + chance[3])) for side in (rows, columns)]
        if small[0] < rows:
            shot = F.interpolate(shot, small, mode="bilinear", antialias=True)
            shot = F.interpolate(shot, (rows, columns), mode="bilinear")
    gain = 1 + 0.16 * (torch.rand(1, 3, 1, 1, generator=generator) - 0.5)
    shot = shot * gain.to(shot.device) * (0.9 + 0.2 * chance[4]) + 0.06 * (chance[5] - 0.5)
    if chance[6] < 0.5:
        noise = torch.randn(shot.shape, generator=generator).to(shot.device)
        shot = shot + noise * (0.06 * chance[7])
    return shot
