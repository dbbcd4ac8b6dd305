"""What a paper of a set can be painted with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.lab.stage.sets.mood import Rgb

LAMP: Rgb = (1.0, 0.84, 0.50)
"""Of lamps and lit windows."""


@dataclass(frozen=True, slots=True)
class Fade:
    """A colour that turns into another from a shape's top to its bottom."""

    top: Rgb
    bottom: Rgb


@dataclass(frozen=True, slots=True)
class Lit:
    """A colour that shines: the same by day and by night."""

    rgb: Rgb


@dataclass(frozen=True, slots=True)
class Accent:
    """The place's accent colour, in the figures' light so that it can be named at night.

    Attributes:
        shade: Less than 1 is darker.
        cream: Share of cream, for what lies beside the pure colour.
    """

    shade: float = 1.0
    cream: float = 0.0


@dataclass(frozen=True, slots=True)
class Strips:
    """Upright strips side by side, each of its own colour.

    Attributes:
        edges: Left edges, rising.
        colours: One for each edge.
    """

    edges: tuple[float, ...]
    colours: tuple[Rgb, ...]

    def which(self, x: Tensor) -> Tensor:
        """The strip at every x."""
        edges = torch.tensor(self.edges, device=x.device)
        return (torch.bucketize(x.contiguous(), edges) - 1).clamp_min(0)


Paint = Rgb | Fade | Lit | Accent | Strips
