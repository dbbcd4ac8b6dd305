"""A network that costs nothing: a film of it takes the time of what keeps it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from holocine_core.plan.values import Take
from holocine_core.sample import generator
from holocine_core.sample.solvers import Velocity
from holocine_core.sample.texts import Text
from holocine_core.sample.vae import Frames

_AT_ONCE = 5
"""Frames that are decoded at once."""


class Stub(generator.Generator):
    """Filmed is what the noise is like. Solver, known latents and all that is kept are real."""

    def encode(self, take: Take) -> Text:
        return None, None  # type: ignore[return-value]

    def _velocity(self, take: Take, *others: Any) -> Velocity:
        return lambda x, sigma: x.sin()

    def decode(self, take: Take, latents: Tensor) -> Iterator[Frames]:
        small = latents[0, :3].movedim(0, -1).repeat_interleave(4, dim=0)[3:]
        width, height = take.sampling.width, take.sampling.height
        picture = torch.nn.functional.interpolate(small.movedim(-1, 1), (height, width))
        frames: Frames = (picture.movedim(1, -1).sigmoid() * 255).to(torch.uint8).numpy()
        for at in range(0, len(frames), _AT_ONCE):
            yield np.ascontiguousarray(frames[at : at + _AT_ONCE])


@contextlib.contextmanager
def stubbed() -> Iterator[None]:
    """Meanwhile films are the stub's."""
    with patch.object(generator, "Generator", Stub):
        yield
