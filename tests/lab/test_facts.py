"""The second task: what shots show, from the tokens inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from holocine_core.lab.second_task import FactReader, fact_loss
from holocine_core.lab.stage.facts import FIELDS, HIDDEN, labels_of
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.view import in_view
from holocine_core.script.timeline import TokenSpan
from holocine_core.train.data.batches import Batch
from holocine_core.train.data.loader import open_datasets
from holocine_core.train.networks import TrainingModel, open_networks
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import Losses, draw, levels, losses_of
from tests.train.conftest import MakeRecipe

pytestmark = pytest.mark.slow

SHOTS = (TokenSpan(0, 12), TokenSpan(12, 18))
GRID = (2, 3)


def labels(seed: int = 4) -> Tensor:
    scene = sample_scene(seed, (3, 3))
    return torch.tensor([[labels_of(in_view(scene, shot)) for shot in scene.shots]])


def sure(wanted: Tensor) -> list[Tensor]:
    """Logits that say what is wanted, field by field."""
    found = []
    for column, values in enumerate(FIELDS.values()):
        logits = torch.zeros(*wanted.shape[:2], len(values))
        logits.scatter_(-1, wanted[..., column : column + 1].clamp_min(0), 50.0)
        found.append(logits)
    return found


def test_every_field_has_its_logits_in_order() -> None:
    reader = FactReader(16)
    logits = reader(torch.randn(2, 18, 16), SHOTS, GRID)
    assert [each.shape for each in logits] == [(2, 2, len(v)) for v in FIELDS.values()]


def test_shots_are_read_apart_and_places_count() -> None:
    reader = FactReader(16)
    tokens = torch.randn(1, 18, 16, generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 12:] += 1
    one, other = (torch.cat(reader(x, SHOTS, GRID), -1) for x in (tokens, changed))
    assert torch.equal(one[:, 0], other[:, 0])
    assert not torch.equal(one[:, 1], other[:, 1])
    turned = tokens.unflatten(1, (3, 2, 3)).flip(3).flatten(1, 3)
    mirrored = torch.cat(reader(turned, SHOTS, GRID), -1)
    assert not torch.allclose(one, mirrored, atol=1e-4), "left and right are not the same"


def test_what_is_not_in_view_is_not_asked_for() -> None:
    wanted = labels()
    assert (wanted == HIDDEN).any()
    assert fact_loss(sure(wanted), wanted) < 1e-6
    other = wanted.clone()
    hidden = wanted == HIDDEN
    other[hidden] = 0
    logits = sure(wanted)
    for column in range(len(FIELDS)):
        logits[column][hidden[..., column]] = torch.randn(len(logits[column][0, 0]))
    assert fact_loss(logits, wanted) < 1e-6
    assert fact_loss(sure((wanted + 1).clamp_max(1)), wanted) > 1


@pytest.fixture
def model(recipe: MakeRecipe) -> tuple[Recipe, TrainingModel]:
    made = recipe(
        facts=0.5,
        clean_shots=0.0,
        drop_caption=0.0,
        phases=[{"data": None, "scenes": 8, "frames": [21, 29], "batch": 2}],
        held_out={"scenes": 8, "data": None},
    )
    return made, open_networks(made, Path(made.model.folder or ""), torch.device("cpu"))


def first_batch(made: Recipe, model: TrainingModel) -> Batch:
    clips, _ = open_datasets(made, made.phases[0], model, {}, lambda event: None, lambda: False)
    return clips.batch(0, (0, 1), 0)


def step(made: Recipe, model: TrainingModel, batch: Batch, number: int = 0) -> Losses:
    return losses_of(
        made, model, batch, draw(made, (0.0, 1.0), batch, levels(made, 2, number), number)
    )


def test_facts_teach_the_first_half_of_the_network(model: tuple[Recipe, TrainingModel]) -> None:
    made, networks = model
    losses = step(made, networks, first_batch(made, networks))
    assert losses.facts is not None
    torch.autograd.backward(losses.facts)
    moved = {n for n, p in networks.trained.items() if p.grad is not None and bool(p.grad.any())}
    blocks = {int(n.split(".")[2]) for n in moved if n.startswith("transformer.blocks.")}
    assert blocks == {0}
    assert len(networks.transformer.blocks) == 2
    assert any(name.startswith("facts.") for name in moved)
    assert torch.equal(losses.total(made), losses.velocity + 0.5 * losses.facts)


def test_without_the_task_the_loss_is_the_same(model: tuple[Recipe, TrainingModel]) -> None:
    made, networks = model
    batch = first_batch(made, networks)
    plain = step(made, replace(networks, reader=None), batch)
    assert plain.facts is None
    assert torch.equal(plain.total(made), step(made, networks, batch).velocity)
    assert not networks.transformer.blocks[0]._forward_hooks


def test_facts_are_learned(model: tuple[Recipe, TrainingModel]) -> None:
    made, networks = model
    moved = [p for n, p in networks.trained.items() if n.startswith("facts.")]
    optimizer = torch.optim.Adam(moved, lr=0.01)
    batch = first_batch(made, networks)
    seen = []
    for _ in range(40):
        losses = step(made, networks, batch)
        assert losses.facts is not None
        seen.append(float(losses.facts.detach()))
        optimizer.zero_grad()
        torch.autograd.backward(losses.facts)
        optimizer.step()
    assert seen[-1] < 0.5 * seen[0]
