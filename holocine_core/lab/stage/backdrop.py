"""A place, drawn: the layers of its set in its light and weather."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from holocine_core.lab.stage.sets import craft, home, plains, rails, town, water, wild
from holocine_core.lab.stage.sets.mood import mood_of
from holocine_core.lab.stage.sets.sheet import Layer, Studio
from holocine_core.lab.stage.world import Place

_SETS: Mapping[str, Callable[[Studio], list[Layer]]] = {
    "harbour": water.harbour,
    "forest": wild.forest,
    "mountains": wild.mountains,
    "street": town.street,
    "desert": plains.desert,
    "meadow": plains.meadow,
    "market": town.market,
    "station": rails.station,
    "kitchen": home.kitchen,
    "library": craft.library,
    "bedroom": home.bedroom,
    "workshop": craft.workshop,
}


@torch.no_grad()
def draw_place(
    place: Place, density: float, device: torch.device | str = "cpu"
) -> tuple[Layer, ...]:
    """The layers of a place, back to front; those deeper than 1 are in front of the figures.

    Args:
        place: What to draw; the same place is always drawn the same.
        density: Pixels per unit.
        device: Where to draw.
    """
    return tuple(_SETS[place.set](Studio(place, mood_of(place), density, device)))
