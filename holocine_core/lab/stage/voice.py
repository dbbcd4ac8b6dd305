"""One teller's way with words: how long-winded it is, and which words it takes. No torch here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holocine_core.lab.stage.sentences import SENTENCES
from holocine_core.lab.stage.words import say

Register = Literal["terse", "plain", "florid"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Chooses words and templates.

    Attributes:
        rng: Decides.
        held_out: Whether words kept out of training are taken wherever there are any.
        register: Terse tellers prefer short templates, florid ones long ones.
    """

    rng: random.Random
    held_out: bool
    register: Register

    def chance(self, share: float) -> bool:
        """True in that share of calls."""
        return self.rng.random() < share

    def say(self, field: str, value: str) -> str:
        """A value in words."""
        return self.rng.choice(say(field, value, self.held_out))

    def pick(self, use: str) -> str:
        """A template for a use."""
        return self.one(SENTENCES[use])

    def one(self, templates: Sequence[str]) -> str:
        """One of several templates, after the teller's taste."""
        first, second = self.rng.choice(templates), self.rng.choice(templates)
        if self.register == "plain":
            return first
        return (min if self.register == "terse" else max)(first, second, key=len)
