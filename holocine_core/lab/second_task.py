"""A second task of training: say what each shot shows, from the tokens inside the network.

As in representation alignment (REPA, arXiv 2410.06940) the inner tokens are to mean something
early; in the drawn world its own truth takes the place of another network's features. A hat is few
pixels and so little of a velocity's error, but a fact like any other. Exported models are without.

Letters: B sample, S shot, N video token, D width of the network, I inner width, Q question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.lab.stage import world
from holocine_core.lab.stage.facts import ACTION, ANIMAL, HIDDEN, PERSON, PLACE, SHOT
from holocine_core.script.timeline import TokenSpan

_INNER = 128
_QUESTIONS: Sequence[tuple[str, Mapping[str, Sequence[str]]]] = (
    ("place", PLACE),
    ("shot", SHOT),
    ("person", {**PERSON, ACTION: world.ACTIONS}),
    ("person", {**PERSON, ACTION: world.ACTIONS}),
    ("animal", {**ANIMAL, ACTION: world.ANIMAL_ACTIONS}),
)
"""Who answers what: the place, the shot, the left person, the right one and the animal; together
the fields of ``FIELDS`` in their order."""


class FactReader(nn.Module):
    """Tokens of a shot -> logits of all fields.

    Args:
        width: Of the network whose tokens are read.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.keys, self.values = nn.Linear(width, _INNER), nn.Linear(width, _INNER)
        self.places = nn.Linear(5, _INNER, bias=False)
        self.questions = nn.Parameter(torch.randn(len(_QUESTIONS), _INNER))
        self.answers = nn.ModuleDict(
            {name: nn.Linear(_INNER, sum(map(len, fields.values()))) for name, fields in _QUESTIONS}
        )

    def forward(
        self, tokens_BND: Tensor, shots: Sequence[TokenSpan], grid: tuple[int, int]
    ) -> list[Tensor]:
        """Logits [B, S, values] of every field of ``FIELDS``.

        Args:
            tokens_BND: Of all shots.
            shots: The tokens of every shot.
            grid: Token rows and columns of a frame.
        """
        tokens = self.norm(tokens_BND)
        code = self.places(_coordinates(grid, tokens.device))
        frames = tokens.shape[1] // len(code)
        keys = self.keys(tokens) + code.repeat(frames, 1)
        values = self.values(tokens)
        read = []
        for span in shots:
            scores = self.questions @ keys[:, span.start : span.stop].mT
            weights = (scores.float() * _INNER**-0.5).softmax(-1).type_as(values)
            read.append(weights @ values[:, span.start : span.stop])
        answers_BSQI = F.gelu(torch.stack(read, dim=1))
        logits: list[Tensor] = []
        for number, (name, fields) in enumerate(_QUESTIONS):
            answer = self.answers[name](answers_BSQI[:, :, number]).float()
            logits += answer.split([len(known) for known in fields.values()], dim=-1)
        return logits

    def loss(self, logits: Sequence[Tensor], facts_BSF: Tensor) -> Tensor:
        """:func:`fact_loss`."""
        return fact_loss(logits, facts_BSF)


def _coordinates(grid: tuple[int, int], device: torch.device) -> Tensor:
    """Every token's place in its frame, and products of it [rows * columns, 5]."""
    axes = [torch.linspace(-1, 1, side, device=device) for side in grid]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)
    return torch.cat([places, places.square(), places.prod(-1, keepdim=True)], dim=-1)


def fact_loss(logits: Sequence[Tensor], labels_BSF: Tensor) -> Tensor:
    """Cross-entropy, the mean over the fields that any shot has in view.

    Args:
        logits: Per field [B, S, values].
        labels_BSF: As ``stage.facts.labels_of`` gives them.
    """
    losses = []
    for column, values in enumerate(logits):
        wanted = labels_BSF[..., column]
        seen = wanted != HIDDEN
        if bool(seen.any()):
            losses.append(F.cross_entropy(values[seen], wanted[seen]))
    return torch.stack(losses).mean()
