"""Ranks: processes that work on one film, or one training, together. Their one home.

A rank is a process with a device of its own. The groups that exchange tensors are made once, by all
ranks in the same order. Where a rank dies, the others' exchanges fail, and all end.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh

from holocine_core.errors import InputError, MachineError
from holocine_core.model.rank_numbers import asked_ranks, this_rank

FOREVER = timedelta(days=30)
"""Ranks wait for orders while another one decodes, or a person thinks."""
EXCHANGE = timedelta(minutes=10)
"""Tensors are exchanged between equal steps: who is so late is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Ranks that exchange tensors.

    Attributes:
        ranks: Which.
        rank: This one's place among them.
        channel: Torch's group.
    """

    ranks: tuple[int, ...]
    rank: int
    channel: Any

    @property
    def size(self) -> int:
        return len(self.ranks)

    def share(self, length: int) -> slice:
        """This rank's stretch of so many rows."""
        edges = self.edges(length)
        return slice(edges[self.rank], edges[self.rank + 1])

    def edges(self, length: int) -> list[int]:
        """Where the stretches begin, and the last ends: as equal as can be."""
        return [length * i // self.size for i in range(self.size + 1)]

    def exchange(self, parts: Sequence[Tensor], shapes: Sequence[Sequence[int]]) -> list[Tensor]:
        """Send ``parts[i]`` to rank i; what rank i sends, of ``shapes[i]``."""
        sizes = [torch.Size(shape).numel() for shape in shapes]
        sent = torch.cat([part.reshape(-1) for part in parts])
        got: Tensor = _Exchange.apply(sent, [p.numel() for p in parts], sizes, self.channel)  # type: ignore[no-untyped-call]
        return [
            part.view(*shape) for part, shape in zip(torch.split(got, sizes), shapes, strict=True)
        ]


class _Exchange(torch.autograd.Function):
    """Rows to all ranks; gradients come back the way the rows went."""

    @staticmethod
    def forward(
        ctx: Any, sent: Tensor, sending: list[int], getting: list[int], channel: Any
    ) -> Tensor:
        ctx.back = getting, sending, channel
        got = sent.new_empty(sum(getting))
        dist.all_to_all_single(got, sent, getting, sending, group=channel)
        return got

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        back: Tensor = _Exchange.apply(gradient.contiguous(), *ctx.back)  # type: ignore[no-untyped-call]
        return back, None, None, None


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """All ranks of a film.

    Attributes:
        rank: This one; 0 leads.
        size: How many.
        device: This one's.
        whole: All of them.
        half: This one's half, where there are two: the halves make a guided step's two passes.
        orders: The leader's channel to all.
    """

    rank: int
    size: int
    device: str
    whole: Group
    half: Group | None
    orders: Any

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def second(self) -> int:
        """The rank that leads the second half."""
        return self.size // 2

    def tell(self, order: object) -> None:
        """The leader's order to all others."""
        dist.broadcast_object_list([order], src=0, group=self.orders)

    def hear(self) -> Any:
        """The leader's next order."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0, group=self.orders)
        return box[0]

    def bring(self, made: Tensor) -> Tensor:
        """The second half's result, brought to the leader; ``made`` has its shape elsewhere."""
        if self.rank == self.second:
            dist.send(made, dst=0)
        elif self.leads:
            made = torch.empty_like(made)
            dist.recv(made, src=self.second)
        return made

    def close(self) -> None:
        dist.destroy_process_group()


def join(device: str) -> Ranks:
    """Meet the other ranks, as torchrun's variables tell.

    Args:
        device: ``cpu``, or ``cuda``: each rank has a card of its own then.

    Raises:
        MachineError: The others do not come.
    """
    size, rank = asked_ranks(), this_rank()
    device = _meet(device)
    everyone = tuple(range(size))
    whole = Group(everyone, rank, dist.new_group(list(everyone), timeout=EXCHANGE))
    half = None
    if size % 2 == 0:
        for ranks in (everyone[: size // 2], everyone[size // 2 :]):
            channel = dist.new_group(list(ranks), timeout=EXCHANGE)
            if rank in ranks:
                half = Group(ranks, ranks.index(rank), channel)
    orders = dist.new_group(list(everyone), timeout=FOREVER, backend="gloo")
    return Ranks(rank, size, device, whole, half, orders)


def _meet(device: str) -> str:
    """Meet the other ranks; this one's device. Errors as of :func:`join`."""
    cuda = device.startswith("cuda")
    if cuda:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if cuda else "gloo", timeout=EXCHANGE)
    except (RuntimeError, ValueError) as alone:
        raise MachineError(
            f"the other ranks do not come: {str(alone).splitlines()[0]}", where="--gpus"
        ) from alone
    return device


@dataclass(frozen=True, slots=True, eq=False)
class Team:
    """All ranks of a training: parts of a step's samples, each on ranks that share its tokens.

    Attributes:
        rank: This one; 0 leads.
        size: How many.
        device: This one's.
        mesh: All of them, as weights are parted.
        tokens: Those that share this one's clips (Ulysses); None where each has clips of its own.
        parts: How many parts a step's samples have.
        part: This rank's.
        orders: A patient channel to all, on the processors.
        keeping: The same, for what is written beside training.
    """

    rank: int
    size: int
    device: str
    mesh: Any
    tokens: Group | None
    parts: int
    part: int
    orders: Any
    keeping: Any

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def sharing(self) -> int:
        """Ranks that share a clip."""
        return self.size // self.parts

    def agree(self, value: Any) -> Any:
        """The leader's value, on every rank; waits for it as long as it takes."""
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.orders)
        return box[0]

    def any(self, said: bool) -> bool:
        """Whether any rank says so; waits for all."""
        told = torch.tensor([float(said)])
        dist.all_reduce(told, dist.ReduceOp.MAX, group=self.orders)
        return bool(told)

    def sum(self, values: Tensor) -> Tensor:
        """Over all parts of a step; every rank that shares a clip says the same of it."""
        total = values.detach().clone()
        dist.all_reduce(total)
        return total / self.sharing

    @contextlib.contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leader's body is over before the others' begins."""
        if not self.leads:
            self.agree(None)
        try:
            yield
        finally:
            # Others must not wait for what failed; the leader says what.
            if self.leads:
                self.agree(None)

    def close(self) -> None:
        dist.destroy_process_group()


def join_team(device: str, sharing: int) -> Team:
    """Meet the other ranks of a training, as torchrun's variables tell.

    Args:
        device: ``cpu``, or ``cuda``: each rank has a card of its own then.
        sharing: Ranks that share a clip's tokens; neighbours.

    Raises:
        InputError: So many ranks can not be parted so.
        MachineError: The others do not come.
    """
    size, rank = asked_ranks(), this_rank()
    if size % sharing:
        raise InputError(
            f"{size} ranks can not share clips by {sharing}",
            where="ulysses",
            hint=f"write one of {', '.join(str(n) for n in range(1, size + 1) if size % n == 0)}",
        )
    device = _meet(device)
    kind = "cuda" if device.startswith("cuda") else "cpu"
    mesh = init_device_mesh(kind, (size,), mesh_dim_names=("ranks",))
    tokens = None
    for first in range(0, size, sharing):
        ranks = tuple(range(first, first + sharing))
        channel = dist.new_group(list(ranks), timeout=EXCHANGE)
        if sharing > 1 and rank in ranks:
            tokens = Group(ranks, ranks.index(rank), channel)
    everyone = list(range(size))
    orders, keeping = (dist.new_group(everyone, timeout=FOREVER, backend="gloo") for _ in range(2))
    return Team(
        rank=rank,
        size=size,
        device=device,
        mesh=mesh,
        tokens=tokens,
        parts=size // sharing,
        part=rank // sharing,
        orders=orders,
        keeping=keeping,
    )


_LOST = ("gloo", "Gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe")
"""How torch's channels say that nobody answers."""


@contextlib.contextmanager
def lost_ranks() -> Iterator[None]:
    """Turn a failed exchange into a MachineError: another rank is gone."""
    try:
        yield
    except RuntimeError as error:
        lost = isinstance(error, dist.DistError) or any(word in str(error) for word in _LOST)
        if not lost:
            raise
        raise MachineError(
            f"another rank ended in the midst of the work: {str(error).splitlines()[0]}",
            where="--gpus",
            hint="run the same command again, on as many GPUs as are left: what is kept goes on",
        ) from error


def require_heads(heads: int, size: int, *, guided: bool) -> None:
    """Raises InputError where attention's heads can not be parted among so many ranks.

    Args:
        heads: Of the network.
        size: Ranks.
        guided: Whether steps have two passes, which two halves make side by side.
    """

    def fits(size: int) -> bool:
        parts = size // 2 if guided and size % 2 == 0 else size
        return heads % parts == 0

    if not fits(size):
        good = ", ".join(str(n) for n in range(1, 2 * heads + 1) if fits(n) and n <= 16)
        raise InputError(
            f"{heads} heads of attention do not divide among {size} GPUs",
            where="--gpus",
            hint=f"this model goes with {good}",
        )
