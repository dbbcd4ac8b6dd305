"""Open networks, for the takes of any number of films."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING

from holocine_core.events import Emit, ignore
from holocine_core.plan.values import Plan

if TYPE_CHECKING:
    from holocine_core.sample.generator import Generator
    from holocine_core.sample.peek import Look

READ_AHEAD = 16
"""Films whose texts are read at most beside that of the one at work: encoded, they take memory."""
OpenGenerator = Callable[[Plan, Emit], "Generator"]


def _open(plan: Plan, emit: Emit) -> Generator:
    from holocine_core.model.lean import import_lean

    import_lean()
    from holocine_core.sample.generator import Generator  # torch wakes here

    return Generator(plan, emit)


class Studio:
    """Holds the networks that the last film was made with: the next one that agrees on model,
    placement and LoRAs finds them open.

    Args:
        expected: Films that will be made. Their texts are read together, so that the text encoder
            is loaded once for all that agree.
        open_generator: Opens a film's networks.
    """

    def __init__(
        self, expected: Sequence[Plan] = (), open_generator: OpenGenerator = _open
    ) -> None:
        self.look: Look | None = None
        """Shown every step of every take while it is made; changes nothing."""
        self._expected = tuple(expected)
        self._open = open_generator
        self._open_for: Hashable = None
        self._generator: Generator | None = None

    def generator(self, plan: Plan, emit: Emit = ignore) -> Generator:
        """The networks of a film, which may be those of the film before.

        Raises:
            MachineError: The device is not there.
        """
        needs = networks_of(plan)
        if self._generator is None or self._open_for != needs:
            self.close()
            self._generator, self._open_for = self._open(plan, emit), needs
        self._generator.look = self.look
        self._expected = tuple(one for one in self._expected if one is not plan)
        alike = (one for one in self._expected if networks_of(one) == needs)
        self._generator.turn_to(plan, emit, tuple(islice(alike, READ_AHEAD)))
        return self._generator

    def peak_bytes(self) -> int | None:
        """Most device memory held since the last call; None where nothing is open or counted."""
        return None if self._generator is None else self._generator.peak_bytes()

    def close(self) -> None:
        """Let go of the networks; they are opened again when they are needed."""
        if self._generator is not None:
            self._generator.close()
        self._generator, self._open_for = None, None

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def networks_of(plan: Plan) -> Hashable:
    """What two films share if one's networks can make the other; LoRAs count by their content."""
    model, placement = plan.model, plan.placement
    takes = [one for take in plan.takes for one in take.chain()]
    of_shots = dict.fromkeys(
        (of.lora, str(mark[:3]))
        for take in takes
        for of, mark in zip(take.loras, take.ingredients.get("shot_lora", ()), strict=True)
    )
    return (
        model.folder,
        tuple(sorted(model.identity().items())),
        (model.spec.text_tokens, model.spec.text_padding),
        (placement.device, placement.strategy, placement.precision, placement.computing),
        plan.loras,
        str(plan.takes[0].ingredients["lora"]),
        tuple(of_shots),
    )
