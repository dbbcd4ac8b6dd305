"""A folder's samples as training asks for them: in buckets, clips and prompts encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.sample.vae import encode_stream
from holocine_core.store.tensors import read_one_of, write_checked
from holocine_core.train.data.batches import Batch, Layout
from holocine_core.train.data.samples import Sample, buckets_of
from holocine_core.train.data.texts import Texts


class FolderDataset:
    """Samples of a folder, in buckets of one size and length; shots may lie otherwise in each.

    Args:
        samples: What :func:`read_samples` found.
        folder: Where encoded clips are kept.
        identity: Hash of the codec.
        texts: The encoded prompts; None where an encoder that learns reads them every time.
    """

    def __init__(
        self, samples: Sequence[Sample], folder: Path, identity: str, texts: Texts | None = None
    ) -> None:
        self._groups = list(buckets_of(samples).values())
        self._folder = folder / "clips"
        self._identity = identity
        self._texts = texts

    @property
    def sizes(self) -> Sequence[int]:
        return [len(group) for group in self._groups]

    @property
    def latents(self) -> Sequence[tuple[int, int, int]]:
        """Every bucket's latent frames, and height and width of its clips."""
        return [group[0].bucket for group in self._groups]

    def missing(self) -> list[Sample]:
        """Samples whose clips are not encoded yet."""
        kept = {path.name for path in self._folder.glob("*.safetensors")}
        return [s for group in self._groups for s in group if self._path(s).name not in kept]

    def encode(self, sample: Sample, vae: Any) -> None:
        """Encode a sample's clip and keep its latents."""
        latents = encode_stream(vae, read_frames(sample.clip))[0].half().cpu()
        write_checked(self._path(sample), {"latents": latents})

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        chosen = [self._groups[group][member] for member in members]
        latents: list[Tensor] = [
            read_one_of(self._folder, self._path(sample))[0]["latents"] for sample in chosen
        ]
        shots = tuple(sample.shots for sample in chosen)
        texts = self._texts
        return Batch(
            latents_BCFHW=torch.stack(latents).float(),
            shots=shots[:1] if all(one == shots[0] for one in shots) else shots,
            prompts=tuple(sample.prompt() for sample in chosen) if texts is None else (),
            texts=tuple(texts.read(texts.key(sample.text)) for sample in chosen)
            if texts is not None
            else (),
        )

    def layouts(self, group: int, members: Sequence[int]) -> tuple[Layout, ...]:
        return tuple(self._groups[group][member].shots for member in members)

    def names(self, group: int, members: Sequence[int]) -> list[str]:
        return [str(self._groups[group][member].path) for member in members]

    def _path(self, sample: Sample) -> Path:
        key = hashlib.sha256(f"{self._identity} {sample.sha256}".encode()).hexdigest()[:24]
        return self._folder / f"{key}.safetensors"
