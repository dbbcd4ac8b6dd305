"""A film's cards as they will be cut: their length in frames and their clips' keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from holocine_core.plan.values import Plan
from holocine_core.script.screenplay import Card
from holocine_core.store.vault import fingerprint

CardName = Literal["opening", "closing"]
CARDS: tuple[CardName, ...] = ("opening", "closing")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCard:
    """A card.

    Attributes:
        card: What it says.
        frames: Its length at the clips' rate.
        key: Of its clip in the work folder.
        line: Its text in one line.
    """

    card: Card
    frames: int
    key: str
    line: str


def card_of(plan: Plan, name: CardName) -> PlannedCard | None:
    """The film's opening or closing card; None where it has none."""
    card = plan.screenplay.cards.opening if name == "opening" else plan.screenplay.cards.closing
    if card is None:
        return None
    frames = max(1, math.floor(Fraction(str(card.seconds)) * plan.fps + Fraction(1, 2)))
    sampling = plan.takes[0].sampling
    size = [sampling.width, sampling.height]
    look = card.model_dump(exclude={"seconds"})
    key = fingerprint(["card", look, frames, size, str(plan.fps)])
    return PlannedCard(card=card, frames=frames, key=key, line=" ".join(card.text.split()))


def cards_of(plan: Plan) -> tuple[tuple[CardName, PlannedCard], ...]:
    """The cards that a film has, by name."""
    found = ((name, card_of(plan, name)) for name in CARDS)
    return tuple((name, card) for name, card in found if card is not None)
