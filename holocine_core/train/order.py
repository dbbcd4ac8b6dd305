"""Which samples a step trains on, and the random numbers it uses: both follow from seed and step.

Nothing here has a state, so a run that goes on has nothing to restore but its weights.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Samples of one pass."""

    group: int
    members: tuple[int, ...]
    epoch: int
    """How often each sample was seen before."""


def pick(sizes: Sequence[int], batch: int | Sequence[int], seed: int, index: int) -> Pick:
    """The samples of pass ``index``: every epoch each sample once, in a new order.

    Args:
        sizes: Samples of every group; those of a group can stand in one batch.
        batch: Most samples of a pass, for all groups or for each.
        seed: Of the order.
        index: Passes before this one.
    """
    batches = (batch,) * len(sizes) if isinstance(batch, int) else tuple(batch)
    passes = sum(-(-size // most) for size, most in zip(sizes, batches, strict=True))
    epoch, position = divmod(index, passes)
    group, members = _epoch(tuple(sizes), batches, seed, epoch)[position]
    return Pick(group=group, members=members, epoch=epoch)


def steps(
    sizes: Sequence[int], batch: int | Sequence[int], samples: int, seed: int
) -> Iterator[tuple[Pick, ...]]:
    """Every step's passes: as many as bring it ``samples`` samples, however small groups are.

    Args:
        sizes: As in :func:`pick`.
        batch: As in :func:`pick`.
        samples: Fewest samples of a step.
        seed: Of the order.
    """
    index = 0
    while True:
        chosen: list[Pick] = []
        while sum(len(one.members) for one in chosen) < samples:
            chosen.append(pick(sizes, batch, seed, index))
            index += 1
        yield tuple(chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A rank's share of a pass.

    Attributes:
        number: Of the pass within its step.
        of: The whole pass.
        first: Where the share begins among its members.
        stop: Where it ends.
        counts: Whether it does; else the rank only keeps step with others that have one more.
    """

    number: int
    of: Pick
    first: int
    stop: int
    counts: bool = True

    @property
    def pick(self) -> Pick:
        """The share alone."""
        members = self.of.members[self.first : self.stop]
        return Pick(group=self.of.group, members=members, epoch=self.of.epoch)


def chunks(passes: Sequence[Pick], parts: int = 1, part: int = 0) -> tuple[Chunk, ...]:
    """What one of ``parts`` equal ranks does of a step: every sample is one rank's, and all ranks
    make as many passes."""
    shares: list[Chunk] = []
    for number, one in enumerate(passes):
        count = len(one.members)
        pieces = min(parts, count)
        edges = [count * i // pieces for i in range(pieces + 1)]
        shares += [
            Chunk(number=number, of=one, first=first, stop=stop) for first, stop in pairwise(edges)
        ]
    mine = shares[part::parts]
    wanted = -(-len(shares) // parts)
    idle = replace((mine or shares)[0], counts=False)
    return (*mine, *[idle] * (wanted - len(mine)))


@lru_cache(maxsize=4)
def _epoch(
    sizes: tuple[int, ...], batches: tuple[int, ...], seed: int, epoch: int
) -> list[tuple[int, tuple[int, ...]]]:
    rng = random.Random(f"order {seed} {epoch}")
    passes = []
    for group, (size, most) in enumerate(zip(sizes, batches, strict=True)):
        members = rng.sample(range(size), size)
        passes += [(group, tuple(members[i : i + most])) for i in range(0, size, most)]
    rng.shuffle(passes)
    return passes


def generator(*key: object) -> torch.Generator:
    """A generator on the CPU that a few words and numbers decide."""
    digest = hashlib.sha256(" ".join(map(str, key)).encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
