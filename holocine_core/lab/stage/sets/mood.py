"""Time of day and weather as colours: skies, haze, and how daylight colours turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holocine_core.lab.stage.world import INTERIORS, Place

Rgb = tuple[float, float, float]

# Sky from the zenith over the middle to the horizon.
_SKIES: Mapping[str, tuple[Rgb, Rgb, Rgb]] = {
    "dawn": ((0.56, 0.68, 0.86), (0.93, 0.79, 0.78), (1.00, 0.89, 0.70)),
    "day": ((0.42, 0.68, 0.90), (0.63, 0.82, 0.94), (0.86, 0.93, 0.94)),
    "dusk": ((0.30, 0.22, 0.45), (0.71, 0.36, 0.45), (0.97, 0.60, 0.34)),
    "night": ((0.05, 0.07, 0.18), (0.09, 0.13, 0.29), (0.16, 0.23, 0.42)),
}
_OVERCAST: Mapping[str, Mapping[str, Rgb]] = {
    "rain": {
        "dawn": (0.67, 0.57, 0.61),
        "day": (0.54, 0.60, 0.65),
        "dusk": (0.37, 0.30, 0.37),
        "night": (0.12, 0.15, 0.24),
    },
    "snow": {
        "dawn": (0.85, 0.79, 0.81),
        "day": (0.78, 0.83, 0.88),
        "dusk": (0.54, 0.44, 0.55),
        "night": (0.15, 0.18, 0.30),
    },
    "fog": {
        "dawn": (0.89, 0.82, 0.77),
        "day": (0.80, 0.83, 0.83),
        "dusk": (0.62, 0.48, 0.48),
        "night": (0.27, 0.31, 0.41),
    },
}
_TINTS: Mapping[str, Rgb] = {
    "dawn": (0.96, 0.84, 0.82),
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.80, 0.60, 0.60),
    "night": (0.42, 0.49, 0.74),
}
_INDOOR_TINTS: Mapping[str, Rgb] = {
    "dawn": (0.94, 0.85, 0.84),
    "day": (1.0, 1.0, 0.99),
    "dusk": (0.84, 0.70, 0.62),
    "night": (0.60, 0.52, 0.52),
}
_WINDOW_LIGHT: Mapping[str, Rgb] = {
    "clear": (1.0, 1.0, 1.0),
    "rain": (0.84, 0.87, 0.92),
    "snow": (0.96, 0.99, 1.03),
    "fog": (0.92, 0.93, 0.93),
}
"""What the weather makes of daylight in a room."""
_GREYED: Mapping[str, float] = {"clear": 0.0, "rain": 0.35, "snow": 0.25, "fog": 0.35}
_SNOW: Rgb = (0.93, 0.95, 0.98)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How a place's light colours its paper.

    Attributes:
        sky: Zenith, middle and horizon.
        haze: What distance fades into.
        tint: Factor of daylight colours.
        greyed: 0..1, how much colour the weather takes away.
        lamps: Whether lamps are on.
        weather: Of the place.
        time: Of the place.
        indoors: Whether weather stays outside.
    """

    sky: tuple[Rgb, Rgb, Rgb]
    haze: Rgb
    tint: Rgb
    greyed: float
    lamps: bool
    weather: str
    time: str
    indoors: bool

    def ink(self, colour: Rgb, far: float = 0.0) -> Rgb:
        """A daylight colour in this light, ``far`` 0..1 lost in the haze."""
        lit = times(colour, self.tint)
        return mix(mix(lit, grey(lit), self.greyed), self.haze, far)

    def ground(self, colour: Rgb, cover: float = 0.85) -> Rgb:
        """A daylight colour of what lies open to the sky: snow lies on it, rain darkens it."""
        if self.indoors:
            return colour
        if self.weather == "snow":
            return mix(colour, _SNOW, cover)
        if self.weather == "rain":
            return mix(times(colour, (0.70, 0.72, 0.78)), (0.36, 0.40, 0.48), 0.2)
        return colour

    def leaf(self, colour: Rgb) -> Rgb:
        """A daylight colour of leaves and needles."""
        return self.ground(colour, 0.6)


def mood_of(place: Place) -> Mood:
    """The mood of a place."""
    indoors = place.set in INTERIORS
    sky = _SKIES[place.time]
    haze = mix(sky[2], sky[1], 0.5)
    if place.weather != "clear":
        cover = _OVERCAST[place.weather][place.time]
        top, middle, low = (mix(c, cover, 0.8) for c in sky)
        sky = (top, middle, low)
        haze = mix(cover, low, 0.4)
    tint = (_INDOOR_TINTS if indoors else _TINTS)[place.time]
    if not indoors and place.weather == "rain":
        tint = times(tint, (0.84, 0.87, 0.92))
    elif indoors and place.time in ("dawn", "day"):
        tint = times(tint, _WINDOW_LIGHT[place.weather])
    return Mood(
        sky=sky,
        haze=haze,
        tint=tint,
        greyed=0.1 if indoors else _GREYED[place.weather],
        lamps=place.time in ("dusk", "night"),
        weather=place.weather,
        time=place.time,
        indoors=indoors,
    )


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """``share`` of b in a."""
    return (
        a[0] + (b[0] - a[0]) * share,
        a[1] + (b[1] - a[1]) * share,
        a[2] + (b[2] - a[2]) * share,
    )


def times(a: Rgb, b: Rgb) -> Rgb:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def grey(a: Rgb) -> Rgb:
    """The grey that looks as bright."""
    level = 0.3 * a[0] + 0.59 * a[1] + 0.11 * a[2]
    return level, level, level
