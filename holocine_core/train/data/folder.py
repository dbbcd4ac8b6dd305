"""A folder of training samples: each a screenplay of one scene beside its clip of the same stem."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from holocine_core.edit.ffmpeg import Probe, probe, read_frames
from holocine_core.errors import InputError, Problem
from holocine_core.sample.vae import encode_frames
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.reader import read
from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import LatentSpan, on_grid
from holocine_core.script.timing import resolve
from holocine_core.script.unwritten import MARK, unwritten
from holocine_core.store.files import atomic
from holocine_core.store.tensors import write_tensors
from holocine_core.store.vault import disk_errors, file_hash, fingerprint
from holocine_core.train.data.batches import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scene with its clip, checked to fit each other."""

    clip: Path
    shots: tuple[LatentSpan, ...]
    """Latent frames of every shot."""
    prompt: ScenePrompt


def read_samples(folder: Path, *, width: int, height: int, fps: int) -> tuple[Sample, ...]:
    """Every sample of a folder, by name.

    Args:
        folder: Screenplays and clips; files of other kinds are left alone.
        width: Of every clip, in pixels.
        height: Of every clip, in pixels.
        fps: Of the model, and of every clip.

    Raises:
        InputError: With what is wrong with any of them, all at once.
    """
    screenplays = sorted(folder.glob("*.yaml"))
    if not screenplays:
        raise InputError(
            "there is no training sample",
            where=str(folder),
            hint="a sample is NAME.yaml beside NAME.mp4; `holocine stage DIR` writes some",
        )
    samples: list[Sample] = []
    problems: list[Problem] = []
    for path in screenplays:
        try:
            samples.append(_sample(path, width=width, height=height, fps=fps))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError.of(problems)
    return tuple(samples)


def _sample(path: Path, *, width: int, height: int, fps: int) -> Sample:
    manuscript = read(path)
    screenplay = manuscript.accepted()
    if len(screenplay.scenes) != 1:
        raise InputError(
            f"a training sample has one scene, this one {len(screenplay.scenes)}",
            where=str(path),
            hint="cut the film into its scenes, each with a screenplay of its own",
        )
    if marked := list(unwritten(screenplay)):
        raise InputError.of(
            [
                manuscript.problem(
                    key,
                    f"this text is still to be written: it says {MARK}",
                    "write it, or let `holocine ingest --caption-model` do it",
                )
                for key in marked
            ]
        )
    clip = path.with_suffix(".mp4")
    if not clip.is_file():
        raise InputError(
            f"the clip {clip.name} is not there",
            where=str(path),
            hint="a sample is NAME.yaml beside NAME.mp4",
        )
    found = probe(clip)
    _refuse_clip(found, clip, width=width, height=height, fps=fps)
    shots = _shots(manuscript, screenplay.scenes[0], found, path)
    prompt = compose(screenplay, screenplay.scenes[0])
    return Sample(clip=clip, shots=shots, prompt=prompt)


def _refuse_clip(found: Probe, clip: Path, *, width: int, height: int, fps: int) -> None:
    if (found.width, found.height) != (width, height):
        raise InputError(
            f"the clip is {found.width}x{found.height}, the phase trains {width}x{height}",
            where=str(clip),
            hint="bring clips to one size, or give each size a phase of its own",
        )
    if found.fps != Fraction(fps) or not found.steady:
        raise InputError(
            f"the clip has {float(found.fps):g} frames per second, the model films {fps}",
            where=str(clip),
            hint=f"bring it to {fps} frames per second first",
        )
    if not on_grid(found.frames):
        raise InputError(
            f"the clip has {found.frames} frames, which is not 4t+1",
            where=str(clip),
            hint=f"cut it to {4 * ((found.frames - 1) // 4) + 1} frames",
        )


def _shots(
    manuscript: Manuscript, scene: Scene, found: Probe, path: Path
) -> tuple[LatentSpan, ...]:
    """Where the shots lie in the clip, to the frame: nothing may have to move."""
    lengths = [shot.frames or shot.seconds for shot in scene.shots or ()]
    if scene.frames is None and scene.seconds is None and not all(lengths):
        scene = scene.model_copy(update={"frames": found.frames})
    if len(scene.shots or ()) > 1 and scene.cuts is None and not any(lengths):
        raise InputError(
            "the screenplay does not say where its clip is cut",
            where=str(path),
            hint="add `cuts:`, or `frames:` to the shots",
        )
    timing = resolve(scene, found.fps, found.frames, strict=True)
    if isinstance(timing, list):
        problems = [manuscript.problem(("scenes", 0, *p.key), p.message, p.hint) for p in timing]
        raise InputError.of(problems)
    if timing.timeline.frames != found.frames:
        raise InputError(
            f"the screenplay lasts {timing.timeline.frames} frames, its clip {found.frames}",
            where=str(path),
            hint="correct the lengths in the screenplay, or cut the clip",
        )
    return timing.timeline.latent_spans


def samples_identity(samples: Sequence[Sample]) -> str:
    """Changes when what is learned from the samples does: clips, cuts, texts, and their order."""
    return fingerprint(
        [
            [_hash(sample.clip), sample.prompt.text, [[s.start, s.stop] for s in sample.shots]]
            for sample in samples
        ]
    )


class FolderDataset:
    """Samples of a folder, in groups of one layout of shots; clips are encoded once.

    Args:
        samples: What :func:`read_samples` found.
        folder: Where encoded clips are kept.
        identity: Hash of the codec.
    """

    def __init__(self, samples: Sequence[Sample], folder: Path, identity: str) -> None:
        layouts: dict[tuple[LatentSpan, ...], list[Sample]] = {}
        for sample in samples:
            layouts.setdefault(sample.shots, []).append(sample)
        self._groups = list(layouts.values())
        self._folder = folder / "clips"
        self._identity = identity

    @property
    def sizes(self) -> Sequence[int]:
        return [len(group) for group in self._groups]

    def missing(self) -> list[Sample]:
        """Samples whose clips are not encoded yet."""
        return [s for group in self._groups for s in group if not self._path(s).is_file()]

    def encode(self, sample: Sample, vae: Any) -> None:
        """Encode a sample's clip and keep its latents."""
        frames = np.concatenate(list(read_frames(sample.clip)))
        latents = encode_frames(vae, frames)[0].half().cpu()
        path = self._path(sample)

        with disk_errors("keep latents", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as part:
                write_tensors(part, {"latents": latents})

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        chosen = [self._groups[group][member] for member in members]
        latents: list[Tensor] = [load_file(self._path(sample))["latents"] for sample in chosen]
        return Batch(
            latents_BCFHW=torch.stack(latents).float(),
            shots=chosen[0].shots,
            prompts=tuple(sample.prompt for sample in chosen),
        )

    def _path(self, sample: Sample) -> Path:
        key = hashlib.sha256(f"{self._identity} {_hash(sample.clip)}".encode()).hexdigest()[:24]
        return self._folder / f"{key}.safetensors"


_HASHES: dict[tuple[Path, int, int], str] = {}


def _hash(clip: Path) -> str:
    """A clip's hash, taken once as long as the file stays the same."""
    stat = clip.stat()
    key = (clip, stat.st_size, stat.st_mtime_ns)
    if key not in _HASHES:
        _HASHES[key] = file_hash(clip)
    return _HASHES[key]
