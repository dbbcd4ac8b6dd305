"""What a codec learns from: latent frames' worth of drawn pictures, in memory.

Letters: N latent frame, T pixel frame of it (4), H W rows and columns.
"""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.lab.codec.recipe import Pictures
from holocine_core.model.nano_net.codec import FOLDED, RGB

Draw = Callable[[int, int, int], Tensor]
"""Seed, height, width -> a clip of 4t+1 frames, uint8 [T, H, W, 3]."""
_STILL = 0.1
"""Share of latent frames that stand still, as a film's first one does."""
_CANDIDATES = 3
"""Crops of which the one with the most edges and motion is learned from."""


def draw_short(seed: int, height: int, width: int) -> Tensor:
    """A scene of the stage with two shots of three to five latent frames."""
    from holocine_core.lab.stage.paint import draw
    from holocine_core.lab.stage.sample import sample_scene

    rng = random.Random(f"short {seed}")
    layout = (rng.randint(3, 5), rng.randint(3, 5))
    return draw(sample_scene(seed, layout), height, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Latent frames of one frame size, uint8 [N, 3, T, H, W]."""

    pixels: Tensor

    @property
    def height(self) -> int:
        return self.pixels.shape[3]

    @property
    def width(self) -> int:
        return self.pixels.shape[4]


def gather(pictures: Pictures, *, source: Draw = draw_short, workers: int | None = None) -> Blocks:
    """Draw scenes and keep a few latent frames of each.

    Args:
        pictures: How many, and how large.
        source: What draws; it has to be a module's own function unless ``workers`` is 0.
        workers: Processes that draw; one per core where absent, 0 draws here.
    """
    seeds = range(pictures.first_seed, pictures.first_seed + pictures.scenes)
    drawn = functools.partial(
        _kept, source=source, size=(pictures.height, pictures.width), keep=pictures.keep
    )
    return Blocks(pixels=torch.cat(list(_spread(drawn, seeds, workers))))


def _spread(
    work: Callable[[int], Tensor], seeds: Sequence[int], workers: int | None
) -> Iterator[Tensor]:
    if workers == 0:
        yield from map(work, seeds)
        return
    with concurrent.futures.ProcessPoolExecutor(
        workers or len(os.sched_getaffinity(0)),
        # Fork would copy the locks of torch's threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        # As numbers of numpy: torch's own way of passing tensors keeps a file open for each.
        drawn = pool.map(functools.partial(_as_array, work), seeds, chunksize=4)
        yield from map(torch.from_numpy, drawn)


def _as_array(work: Callable[[int], Tensor], seed: int) -> object:
    return work(seed).numpy()


def _kept(seed: int, *, source: Draw, size: tuple[int, int], keep: int) -> Tensor:
    clip = source(seed, *size)
    starts = random.Random(f"kept {seed}").sample(range(1, len(clip), FOLDED), keep)
    blocks = [clip[start : start + FOLDED].permute(3, 0, 1, 2) for start in sorted(starts)]
    return torch.stack(blocks)


class Crops:
    """Batches of crops, drawn at random from blocks of several sizes.

    Args:
        blocks: One per size; a size is chosen as often as it has latent frames.
        crop: Height and width.
        seed: Decides all choices.
    """

    def __init__(self, blocks: Sequence[Blocks], crop: tuple[int, int], seed: int) -> None:
        self._blocks = blocks
        self._crop = crop
        self._rng = torch.Generator().manual_seed(seed)
        self._shares = torch.tensor([float(len(b.pixels)) for b in blocks])

    def batch(self, count: int) -> Tensor:
        """Crops of one size of picture [count, 3, T, h, w] in -1..1."""
        which = int(torch.multinomial(self._shares, 1, generator=self._rng))
        return torch.stack([self._one(self._blocks[which]) for _ in range(count)])

    def _one(self, blocks: Blocks) -> Tensor:
        height, width = min(self._crop[0], blocks.height), min(self._crop[1], blocks.width)
        number, mirror, back = (self._below(n) for n in (len(blocks.pixels), 2, 2))
        candidates = []
        for _ in range(_CANDIDATES):
            top = self._below(blocks.height - height + 1)
            left = self._below(blocks.width - width + 1)
            part = blocks.pixels[number, :, :, top : top + height, left : left + width]
            candidates.append(part.float() / 127.5 - 1)
        part = max(candidates, key=_liveliness)
        if float(torch.rand((), generator=self._rng)) < _STILL:
            part = part[:, :1].expand(-1, FOLDED, -1, -1)
        turned = [axis for axis, turn in ((1, back), (3, mirror)) if turn]
        return part.flip(turned) if turned else part

    def _below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self._rng))


def _liveliness(part_CTHW: Tensor) -> float:
    """How much changes from pixel to pixel and from frame to frame."""
    grey = part_CTHW.mean(0)
    motion = grey.diff(dim=0).square().mean()
    return float(motion + 0.25 * grey.diff(dim=1).square().mean())


def vectors(blocks: Sequence[Blocks], stride: int, count: int, seed: int) -> Tensor:
    """About ``count`` folded blocks of ``stride`` x ``stride`` pixels from anywhere, -1..1, ordered
    as ``pixel_unshuffle`` orders [count, 12 * stride ** 2]."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(len(b.pixels) for b in blocks)
    found = []
    for block in blocks:
        share = max(1, count // total)
        for pixels in block.pixels:
            folded = pixels.flatten(0, 1)[None].float() / 127.5 - 1
            rows = F.pixel_unshuffle(folded, stride)[0].flatten(1).T
            found.append(rows[torch.randint(len(rows), (share,), generator=generator)])
    assert found[0].shape[1] == RGB * FOLDED * stride**2
    return torch.cat(found)
