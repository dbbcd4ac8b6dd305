"""The held-out loss, and whether text is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from holocine_core.train import validation
from holocine_core.train.check import check_fits
from holocine_core.train.data.loader import open_datasets
from holocine_core.train.networks import open_networks
from holocine_core.train.step import Draw
from holocine_core.train.validation import ValidationLoss, validation_loss
from tests.train.conftest import MakeRecipe


def test_it_is_told_when_text_is_not_read(recipe: MakeRecipe) -> None:
    made = recipe()
    networks = open_networks(made, Path(made.model.folder or ""), torch.device("cpu"))
    read = check_fits(made, networks.located, networks.part, networks.tokenizer)
    _, clips = open_datasets(
        made, made.phases[0], networks, read, lambda event: None, lambda: False
    )
    assert clips is not None

    def measured(batch: int) -> ValidationLoss:
        return validation_loss(made, networks, clips, [batch] * len(clips.sizes))

    reading = measured(2)
    assert reading.swapped is not None
    assert abs(reading.swapped - reading.mean) > 1e-5
    assert measured(1).swapped is None, "there is no other text in a pass of one"
    for block in networks.transformer.blocks:
        torch.nn.init.zeros_(block.attn2.to_out[0].weight)
    blind = measured(2)
    assert blind.swapped == pytest.approx(blind.mean, rel=1e-7)


def test_noise_levels_are_spread_as_those_of_training(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(shift=4.0)
    networks = open_networks(made, Path(made.model.folder or ""), torch.device("cpu"))
    read = check_fits(made, networks.located, networks.part, networks.tokenizer)
    _, clips = open_datasets(
        made, made.phases[0], networks, read, lambda event: None, lambda: False
    )
    assert clips is not None
    asked: list[float] = []

    def loss(recipe: object, model: object, batch: object, drawn: Draw) -> torch.Tensor:
        asked.append(float(drawn.sigma_B[0]))
        return drawn.sigma_B.mean()

    monkeypatch.setattr(validation, "loss_of", loss)
    found = validation_loss(made, networks, clips, [1] * len(clips.sizes))
    # Even parts u of the schedule lie at sigma = s u / (1 + (s - 1) u).
    wanted = [4 * u / (1 + 3 * u) for u in (0.25, 0.75)]
    assert sorted(set(asked)) == pytest.approx(wanted)
    assert found.by_timestep == pytest.approx(tuple(wanted))
