"""Drawn worlds that a phase can train on, by name. Each is imported when a recipe asks for it: one
that trains on clips knows none."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from holocine_core.events import Emit, Stop
from holocine_core.script.timeline import LatentSpan, TokenSpan

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from holocine_core.train.data.batches import Samples
    from holocine_core.train.data.loader import Prefetch
    from holocine_core.train.networks import TrainingModel
    from holocine_core.train.recipe import Phase, Recipe

STAGE = "stage"
WORLDS: Mapping[str, str] = {STAGE: "holocine_core.lab.training"}
"""Name -> module whose ``WORLD`` is a :class:`DrawnWorld`."""


class FactReader(Protocol):
    """A second task: says what each shot shows, from tokens inside the network."""

    def __call__(
        self, tokens_BND: Tensor, shots: Sequence[TokenSpan], grid: tuple[int, int]
    ) -> list[Tensor]:
        """Logits [B, S, values] per question, of all shots' tokens; ``grid`` is a frame's token
        rows and columns."""
        ...

    def loss(self, logits: Sequence[Tensor], facts_BSF: Tensor) -> Tensor:
        """Of those logits, beside a batch's facts."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def to(self, device: torch.device, /) -> Self: ...


class DrawnWorld(Protocol):
    """Where scenes come from that are drawn, not filmed."""

    fps: int
    """Frames per second of its clips."""

    def within(self, told: Any) -> Any:
        """A recipe's `world`: what scenes may show; everything of which it says nothing.

        Raises:
            ValueError: It has no such thing. Also pydantic's ValidationError.
        """
        ...

    def check(self, phase: Phase) -> None:
        """Whether it can draw a phase's scenes; a ValueError says why not."""
        ...

    def outline(self, phase: Phase, most: int) -> tuple[int, list[tuple[LatentSpan, ...]]]:
        """How many samples a phase trains on, and the shots of at most that many of them."""
        ...

    def open(
        self, recipe: Recipe, phase: Phase, model: TrainingModel, emit: Emit, should_stop: Stop
    ) -> tuple[Samples, Samples]:
        """A phase's samples and its held-out ones; errors as of ``open_datasets``."""
        ...

    def begin(self, recipe: Recipe, phase: Phase, model: TrainingModel) -> Prefetch:
        """Begin to draw a phase's scenes beside other work."""
        ...

    def reader(self, width: int) -> FactReader:
        """A fresh second task for a network of that width, its weights by torch's generator."""
        ...

    def note_vocabulary(self, tokenizer: Path, world: Any) -> None:
        """Write what a phase of this `world` taught into a tokenizer's folder, where it says."""
        ...


def drawn_world(name: str = STAGE) -> DrawnWorld:
    """The world of that name."""
    world: DrawnWorld = importlib.import_module(WORLDS[name]).WORLD
    return world
