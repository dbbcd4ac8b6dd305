"""How a place's light falls on its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holocine_core.lab.stage.world import INTERIORS, Place

_OUTDOORS: Mapping[str, tuple[float, float, float]] = {
    "dawn": (1.0, 0.92, 0.88),
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.95, 0.77, 0.72),
    "night": (0.68, 0.72, 0.92),
}
_INDOORS: Mapping[str, tuple[float, float, float]] = {
    "dawn": (0.96, 0.91, 0.90),
    "day": (1.0, 1.0, 0.99),
    "dusk": (0.97, 0.85, 0.74),
    "night": (0.86, 0.75, 0.68),
}
_SHADOWS: Mapping[str, float] = {"dawn": 0.30, "day": 0.34, "dusk": 0.36, "night": 0.42}


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The light of a place.

    Attributes:
        tint: Factor of the figures' colours, RGB; no colour of the palette is lost in it.
        shadow: 0..1, opacity of soft shadows.
        sun: -1 or 1, the side that the light comes from.
    """

    tint: tuple[float, float, float]
    shadow: float
    sun: int


def light_of(place: Place) -> Light:
    """The light of a place; it comes from opposite the landmark."""
    indoors = place.set in INTERIORS
    red, green, blue = (_INDOORS if indoors else _OUTDOORS)[place.time]
    if place.weather == "rain" and not indoors:
        red, green, blue = red * 0.92, green * 0.94, blue * 0.97
    soft = 1.0 if indoors or place.weather == "clear" else 0.6
    return Light(tint=(red, green, blue), shadow=_SHADOWS[place.time] * soft, sun=-place.side)
