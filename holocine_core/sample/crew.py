"""One film on several ranks: the leader samples, all make the networks' passes.

Noise, samplers, guidance and what is kept are the leader's alone, so that nothing has to agree; the
others load the same networks and follow its orders. A guided step's two passes are made by two
halves side by side, each with its tokens parted by Ulysses; a step with one pass by all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit
from holocine_core.model.attention.layout import ShotLayout
from holocine_core.model.attention.ulysses import Ulysses
from holocine_core.model.failures import device_errors
from holocine_core.model.parallel import Ranks, join, lost_ranks, require_heads
from holocine_core.plan.values import Plan
from holocine_core.sample.conditioning import Conditioning
from holocine_core.sample.studio import Studio

if TYPE_CHECKING:
    from holocine_core.sample.generator import Generator

_SMALLER = "plan a smaller size, or more GPUs"
Side = tuple[Conditioning, ShotLayout]
"""What a pass reads, and who sees what."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Open a film's networks."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class TakeOrder:
    """What the passes of a take read."""

    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class StepOrder:
    """Make the passes of a step: with the text, and without if there are two."""

    expert: str
    x: Tensor
    time: Tensor
    passes: int


class Crew:
    """The leader's side of it.

    Args:
        ranks: All of them.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._ulysses: dict[str, Ulysses] = {}
        self._sides: tuple[Side, ...] = ()

    @property
    def device(self) -> str:
        return self._ranks.device

    def open(self, plan: Plan) -> None:
        """A film's networks are opened on all ranks.

        Raises:
            InputError: It can not be made by several.
        """
        self.allow(plan)
        with lost_ranks():
            self._ranks.tell(OpenOrder(plan))

    def allow(self, plan: Plan) -> None:
        """Raises InputError where a film can not be made by so many ranks."""
        refuse(plan, self._ranks.size)

    def part(self, expert: str, network: Any, generator: Generator) -> None:
        """A network's tokens are to be parted from now on."""
        self._ulysses[expert] = Ulysses(network, generator.context)

    def read(self, sides: Sequence[Side]) -> None:
        """What the next passes read."""
        self._sides = tuple(sides)
        with lost_ranks():
            self._ranks.tell(
                TakeOrder(
                    tuple(
                        (replace(text, text_BLD=text.text_BLD.cpu()), layout)
                        for text, layout in sides
                    )
                )
            )

    def passes(
        self, generator: Generator, expert: str, x: Tensor, time: Tensor, count: int
    ) -> list[Tensor]:
        """What the passes of a step say, on the leader."""
        with lost_ranks():
            self._ranks.tell(StepOrder(expert, x.cpu(), time.cpu(), count))
            return self.join_in(generator, StepOrder(expert, x, time, count), self._sides)

    def join_in(self, generator: Generator, step: StepOrder, sides: Sequence[Side]) -> list[Tensor]:
        """This rank's part of a step."""
        ranks = self._ranks

        def one(side: Side, group: Any) -> Tensor:
            network = generator.network(step.expert)
            with self._ulysses[step.expert].over(group):
                return generator.one_pass(network, step.x, step.time, side)

        if step.passes == 1 or ranks.half is None:
            heads = generator.heads
            group = ranks.whole if heads % ranks.size == 0 else ranks.half
            return [one(side, group) for side in sides[: step.passes]]
        first = ranks.rank < ranks.second
        made = one(sides[0 if first else 1], ranks.half)
        other = ranks.bring(made)
        return [made, other]

    def close(self) -> None:
        """Let the other ranks go."""
        with lost_ranks():
            self._ranks.tell(None)
        self._ranks.close()


@contextmanager
def leading(device: str) -> Iterator[Callable[[Sequence[Plan]], Studio]]:
    """Lead the ranks while this is open; yields what makes a studio whose networks are on all.

    Args:
        device: ``cpu``, or ``cuda``.

    Raises:
        MachineError: The others do not come.
    """
    from holocine_core.sample.generator import Generator

    ranks = join(device)
    crew = Crew(ranks)

    def opened(plan: Plan, emit: Emit) -> Generator:
        crew.open(plan)
        return Generator(on_device(plan, ranks.device), emit, crew=crew)

    try:
        yield lambda expected: Studio(expected, opened)
    finally:
        with suppress(MachineError):
            crew.close()


def follow(device: str) -> None:
    """Be one of the other ranks, until the leader lets go.

    Raises:
        MachineError: The leader does not come, or is gone, or memory ran out.
    """
    from holocine_core.sample.generator import Generator

    serve(join(device), lambda plan, crew: Generator(plan, crew=crew))


def on_device(plan: Plan, device: str) -> Plan:
    """The plan, with its networks on this rank's device."""
    return replace(plan, device=device, placement=replace(plan.placement, device=device))


def serve(ranks: Ranks, open_generator: Callable[[Plan, Crew], Generator]) -> None:
    """Follow the leader until it lets go.

    Raises:
        MachineError: The leader is gone, or memory ran out.
    """
    crew, sides = Crew(ranks), tuple[Side, ...]()
    generator: Generator | None = None
    while True:
        with lost_ranks():
            order = ranks.hear()
        match order:
            case OpenOrder(plan=plan):
                if generator is not None:
                    generator.close()
                generator = open_generator(on_device(plan, ranks.device), crew)
            case TakeOrder(sides=sides):
                pass
            case StepOrder():
                assert generator is not None
                with device_errors("making a rank's part of a step", _SMALLER), lost_ranks():
                    crew.join_in(generator, order, sides)
            case _:
                ranks.close()
                return


def refuse(plan: Plan, size: int) -> None:
    """Raises InputError where a film can not be made by so many ranks."""
    shot_loras = [take.scene for take in plan.takes if any(one.loras for one in take.chain())]
    cached = [take.scene for take in plan.takes if take.sampling.cache is not None]
    for scenes, what in ((shot_loras, "LoRAs of single shots"), (cached, "a cache")):
        if scenes:
            raise InputError(
                f"scene '{scenes[0]}' has {what}, which go with one GPU only",
                where="--gpus",
                hint="leave --gpus out, or that setting",
            )
    for take in plan.takes:
        guided = take.sampling.guided_steps > 0
        require_heads(plan.model.spec.shape.heads, size, guided=guided)
