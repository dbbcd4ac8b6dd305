"""Recipes: every fault with its place, every key with a sentence, every file complete."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import InputError
from holocine_core.lab.stage.sample import JUDGE_SEEDS
from holocine_core.lab.stage.world import TIMES
from holocine_core.shipped.names import RECIPES
from holocine_core.train import recipe as recipes
from holocine_core.train import recipe_start
from holocine_core.train.recipe import Recipe
from holocine_core.train.recipe_file import read_recipe
from tests.conftest import Write

FILES = list(RECIPES.files().values())

GOOD = """
out: run
model:
  folder: model
phases:
  - {size: 32x32, steps: 300, scenes: 16}
"""


def told(path: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as refused:
        read_recipe(path, Recipe)
    return [
        (p.message, re.sub(r".*?(:\d+:\d+)?$", r"\1", p.where), p.hint)
        for p in refused.value.problems
    ]


def test_a_small_recipe_is_read_with_its_defaults(write: Write) -> None:
    read = read_recipe(write(GOOD), Recipe)
    assert (read.steps, read.train, read.phases[0].latent_frames) == (300, "full", (8, 46))


def test_a_phase_may_have_a_small_world(write: Write) -> None:
    small = "scenes: 16, world: {sets: [harbour], casts: [one]}"
    world = read_recipe(write(GOOD.replace("scenes: 16", small)), Recipe).phases[0].world
    assert (world.sets, world.casts, world.times) == (("harbour",), ("one",), TIMES)


def test_every_fault_is_told_with_its_place(write: Write) -> None:
    path = write(
        """
        out: run
        sead: 3
        model: {folder: model}
        ema: 1.5
        train: lorra
        optimizer:
          lrr: 0.1
        phases:
          - {size: 32x32, scenes: 16}
          - {size: 32x32, steps: 10, scenes: 16, frames: [9, 14]}
        """
    )
    assert told(path) == [
        ("unknown key `sead`", ":2:1", "did you mean `seed`?"),
        ("`ema` can't be '1.5'", ":4:6", "it must be less than 1"),
        ("`train` can't be 'lorra'", ":5:8", "did you mean 'lora'?"),
        ("unknown key `lrr`", ":7:3", "did you mean `lr`?"),
        ("`phases.0.steps` is missing", ":9:5", "add `steps:`"),
        ("`frames` is 9 to 14", ":10:50", "both are of the form 4t+1, the smaller first"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("folder: model", "{}", "starts from `folder` or from `new`"),
        ("scenes: 16", "scenes: 16, data: clips", "takes `scenes` or `data`"),
        ("scenes: 16", "scenes: 17", "multiples of 8"),
        ("scenes: 16", "scenes: 16, batch: 3", "`batch` is 3"),
        ("scenes: 16", "scenes: 16, batch: 12", "`batch` is 12"),
        ("scenes: 16", "scenes: 24, batch: 16", "multiples of 16"),
        ("scenes: 16", "scenes: 16, shots: [3, 2]", "`shots` is 3 to 2"),
        ("scenes: 16", "scenes: 16, shots: [3, 12]", "`shots` is 3 to 12"),
        (
            "scenes: 16",
            "scenes: 16, shots: [1, 2], frames: [81, 181]",
            "no scene of 1 to 8 shots",
        ),
        ("scenes: 16", "scenes: 16, world: {sets: [moon]}", "`sets` has no 'moon'"),
        ("scenes: 16", "scenes: 16, world: {set: [kitchen]}", "`world` has no `set`"),
        ("scenes: 16", "data: clips, world: {sets: [kitchen]}", "what `scenes` are made of"),
        ("scenes: 16", "scenes: 16, world: {angles: [low]}", "can't do without 'eye-level'"),
        ("steps: 300", "steps: 100", "`schedule.warm_up` is 200 of 100 steps"),
        ("out: run", "out: run\ntrain: lora\nparts: [text_encoder]", "trains the transformer only"),
        (
            "scenes: 16",
            f"scenes: 16, first_seed: {JUDGE_SEEDS - 8}",
            f"scenes from seed {JUDGE_SEEDS} on are kept to measure models by",
        ),
        (
            "scenes: 16",
            "data: clips}\nheld_out: {data: ./clips",
            "`held_out.data` is a folder that is trained on",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    write: Write, old: str, new: str, message: str
) -> None:
    assert message in told(write(GOOD.replace(old, new)))[0][0]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("out: run", "out: run\nschedule: {decay: 0, warm_up: 301}", "`schedule.warm_up` is 301"),
        ("scenes: 16", "scenes: 16, world: {times: [day], sets: [moon]}", "`sets` has no"),
        ("scenes: 16", "scenes: 16, batch: 3", "`batch` is 3"),
        ("scenes: 16", "data: clips}\nheld_out: {bins: 3, data: clips", "`held_out.data` is"),
    ],
)
def test_what_does_not_go_together_is_told_where_the_key_stands(
    write: Write, old: str, new: str, place: str
) -> None:
    path = write(GOOD.replace(old, new))
    message, where, _ = told(path)[0]
    line, column = map(int, where[1:].split(":"))
    assert message.startswith(place)
    key = place.split("`")[1].rsplit(".", 1)[-1]
    assert path.read_text().splitlines()[line - 1][column - 1 :].startswith(f"{key}:")


def test_no_recipe_is_an_error_too(tmp_path: Path, write: Write) -> None:
    assert told(tmp_path / "none.yaml")[0][0].startswith("no recipe at")
    assert told(write("\n"))[0][0] == "the recipe is empty"
    assert "mapping" in told(write("- a\n- b\n"))[0][0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_recipes_are_complete(path: Path) -> None:
    read_recipe(path, Recipe)
    head = path.read_text().split("\n\n")[0]
    for word in ("# Hardware:", "# Time:", "# Result:"):
        assert word in head


def test_every_key_has_its_sentence() -> None:
    classes: dict[str, ast.ClassDef] = {}
    for home in (recipes, recipe_start):
        tree = ast.parse(inspect.getsource(home))
        classes |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    lacking = []
    for name, node in classes.items():
        body: list[Any] = node.body
        for line, following in zip(body, [*body[1:], None], strict=True):
            if isinstance(line, ast.AnnAssign) and not _is_text(following):
                inner = ast.unparse(line.annotation).split(" | ")[0]
                # A group of keys is explained by its own class.
                if inner not in classes:
                    lacking.append(f"{name}.{ast.unparse(line.target)}")
    assert len(classes) > 10
    assert lacking == []


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
