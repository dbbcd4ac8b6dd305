"""A film as its shots, for whatever hands it on."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from holocine_core.script.timeline import DeliveredSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class CutShot:
    """One shot as an editor cuts it.

    Attributes:
        name: The shot's name, or the card's; see ``script.shot_names``.
        span: Its frames of the film.
        prompt: What it was asked to show.
        facts: What else made it; JSON values.
    """

    name: str
    span: DeliveredSpan
    prompt: str
    facts: Mapping[str, Any]

    @property
    def is_card(self) -> bool:
        """Whether it is a card, which is never counted."""
        return "card" in self.facts

    @property
    def told(self) -> list[str]:
        """What an editor reads at a shot: its prompt, and the seed that made it."""
        seed = [f"seed {self.facts['seed']}"] if "seed" in self.facts else []
        return [one_line(self.prompt), *seed]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutList:
    """A film as its shots: they follow each other without gaps from frame 0 to its end."""

    film: Path
    title: str
    fps: Fraction
    frames: int
    size: tuple[int, int]
    """Width and height."""
    sound: bool
    shots: tuple[CutShot, ...]
    facts: Mapping[str, Any]
    """What made the whole film; JSON values."""

    @property
    def counted(self) -> str:
        """How many shots and cards it has, in words."""
        cards = sum(shot.is_card for shot in self.shots)
        told = [(len(self.shots) - cards, "shot"), *([(cards, "card")] if cards else [])]
        return " and ".join(f"{many} {word}{'s' * (many != 1)}" for many, word in told)

    @property
    def url(self) -> str:
        """Of the film's file."""
        return self.film.resolve().as_uri()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadShot:
    """A clip as it was read from an editor's file.

    Attributes:
        name: Of the shot.
        told: What is said at it.
        start: Its first frame of the film, in the timeline's frames.
        stop: The frame after its last.
        at: Where it stands in the timeline.
    """

    name: str
    told: list[str]
    start: int
    stop: int
    at: int


def one_line(text: str) -> str:
    """A text without line breaks, and without the signs that neither an EDL nor XML can hold."""
    held = (
        " " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in text
    )
    return " ".join("".join(held).replace("\ufffe", " ").replace("\uffff", " ").split())
