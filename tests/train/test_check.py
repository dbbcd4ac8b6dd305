"""Recipes that do not fit their model or samples are told so before any work."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from holocine_core.errors import InputError
from holocine_core.store.files import read_json
from holocine_core.train import validation
from holocine_core.train.check import Read, check_fits
from holocine_core.train.data.loader import open_datasets
from holocine_core.train.networks import TrainingModel, open_networks
from holocine_core.train.recipe import Recipe
from holocine_core.train.run import train
from holocine_core.train.step import Draw
from tests.train.conftest import LAYOUTS, MakeRecipe, new_model, write_one

pytestmark = pytest.mark.slow


def model(recipe: Recipe, **spec: object) -> TrainingModel:
    """A recipe's networks, with another word in the model's card."""
    opened = open_networks(recipe, Path(recipe.model.folder or ""), torch.device("cpu"))
    changed = dataclasses.replace(opened.located.spec, **spec)  # type: ignore[arg-type]
    located = dataclasses.replace(opened.located, spec=changed)
    return dataclasses.replace(opened, source=dataclasses.replace(opened.source, located=located))


def fits(recipe: Recipe, opened: TrainingModel) -> Read:
    return check_fits(recipe, opened.located, opened.part, opened.tokenizer)


def refused(recipe: Recipe, **spec: object) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as told:
        fits(recipe, model(recipe, **spec))
    return [(problem.message, problem.where) for problem in told.value.problems]


def test_every_phase_is_looked_at_and_all_is_told_at_once(
    recipe: MakeRecipe, tmp_path: Path
) -> None:
    write_one(tmp_path / "bad", "lone", (9,))
    (tmp_path / "bad" / "lone.mp4").unlink()
    made = recipe(
        phases=[
            {},
            {"data": str(tmp_path / "bad")},
            {"data": None, "scenes": 8, "size": "40x36"},
        ]
    )
    told = refused(made)
    assert [message for message, _ in told] == [
        "the clip lone.mp4 is not there",
        "40x36 is no size for this model",
    ]


def test_drawn_scenes_need_a_model_of_their_frame_rate(recipe: MakeRecipe) -> None:
    drawn = recipe(phases=[{"data": None, "scenes": 8}])
    assert fits(drawn, model(drawn)) == {}
    ((message, _),) = refused(drawn, fps=16)
    assert "draws 15 frames per second, the model films 16" in message


def test_a_prompt_that_is_too_long_is_named(recipe: MakeRecipe, samples: Path) -> None:
    made = recipe(held_out={"every": 3})
    told = refused(made, text_tokens=4)
    assert len(told) == len(LAYOUTS)
    for message, where in told:
        assert "the model reads 4" in message
        assert Path(where).parent == samples


@pytest.mark.parametrize(
    ("part", "low", "high"), [("transformer", 0.9, 1), ("transformer_2", 0, 0.9)]
)
def test_the_held_out_loss_asks_only_what_the_expert_answers(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch, part: str, low: float, high: float
) -> None:
    made = recipe(held_out={"every": 3, "bins": 4, "data": recipe().held_out.data})
    networks = model(made, experts=2, boundary=0.9)
    networks = dataclasses.replace(networks, source=dataclasses.replace(networks.source, part=part))
    seen: set[float] = set()

    def note(recipe: Recipe, model: TrainingModel, batch: object, drawn: Draw) -> float:
        seen.update(round(value, 4) for value in drawn.sigma_B.tolist())
        return 0.0

    monkeypatch.setattr(validation, "loss_of", note)
    read = fits(made, model(made))
    _, clips = open_datasets(
        made, made.phases[0], networks, read, lambda event: None, lambda: False
    )
    assert clips is not None
    validation.validation_loss(made, networks, clips, [2] * len(clips.sizes))
    # Even parts u of the schedule lie at sigma = s u / (1 + (s - 1) u).
    first, last = (edge / (made.shift - (made.shift - 1) * edge) for edge in (low, high))
    parts = [first + (last - first) * (i + 0.5) / 4 for i in range(4)]
    wanted = [made.shift * u / (1 + (made.shift - 1) * u) for u in parts]
    assert sorted(seen) == pytest.approx(wanted, abs=1e-4)


def test_a_start_is_made_again_unless_steps_were_made_from_it(
    recipe: MakeRecipe, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def stopped(**changes: object) -> Path:
        # With nothing encoded yet the time is over before the first step.
        cache = str(tmp_path_factory.mktemp("empty"))
        made = recipe(model={**new_model(model), **changes}, cache=cache)
        assert train(made, device="cpu", seconds=0).step == 0
        return Path(made.out) / "start" / "transformer" / "config.json"

    assert (read_json(stopped()) or {})["num_layers"] == 1
    deeper = new_model(model)
    deeper["new"]["layers"] = 2  # type: ignore[index]
    path = stopped(**deeper)
    assert (read_json(path) or {})["num_layers"] == 2
    # What a kill leaves does not stand in the way.
    (path.parents[2] / ".start.part").mkdir()
    deeper["new"]["layers"] = 3  # type: ignore[index]
    assert (read_json(stopped(**deeper)) or {})["num_layers"] == 3
    assert train(recipe(model=deeper), device="cpu").step == 6
    with pytest.raises(InputError, match=r"model\.new\.layers \(3 -> 1\)"):
        stopped(**new_model(model))


def test_held_out_samples_may_have_the_sizes_of_several_phases(
    recipe: MakeRecipe, tmp_path: Path
) -> None:
    for number, width in enumerate((32, 32, 64, 64)):
        write_one(tmp_path / "kept", f"kept-{number}", (5, 4), number, width=width)
        write_one(tmp_path / f"data-{width}", f"one-{number}", (5, 4), number, width=width)
    phases = [
        {"size": "32x32", "steps": 2, "data": str(tmp_path / "data-32")},
        {"size": "64x32", "steps": 2, "data": str(tmp_path / "data-64")},
    ]
    held_out = {"every": 2, "data": str(tmp_path / "kept"), "bins": 2}
    made = recipe(phases=phases, held_out=held_out)
    assert train(made, device="cpu").model is not None
    (tmp_path / "kept" / "kept-2.yaml").unlink()
    (tmp_path / "kept" / "kept-3.yaml").unlink()
    told = refused(recipe(phases=phases, held_out=held_out))
    assert told == [("no held-out sample is 64x32, as a phase trains", str(tmp_path / "kept"))]
