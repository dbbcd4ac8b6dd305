"""A run's numbers, in its own file and where else a recipe wants them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from holocine_core.errors import Interrupted, MachineError
from holocine_core.events import Event, TrainStepDone
from holocine_core.train.run import train
from tests.train.conftest import MakeRecipe

pytestmark = pytest.mark.slow


class Tracker(ModuleType):
    """As trackio and wandb are called; it talks on stdout, as trackio does."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.begun: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []

    def init(self, project: str, **told: Any) -> None:
        print("* initialized")  # noqa: T201
        self.begun.append({"project": project, **told})

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        print("* finished")  # noqa: T201


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_a_tracker_is_told_what_the_file_is(
    recipe: MakeRecipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    tracker = Tracker(name)
    monkeypatch.setitem(sys.modules, name, tracker)
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    made = recipe(tracker=name)
    steps: list[Event] = []
    with pytest.raises(Interrupted):
        train(
            made,
            device="cpu",
            emit=steps.append,
            should_stop=lambda: any(isinstance(e, TrainStepDone) for e in steps),
        )
    train(made, device="cpu")
    told = capsys.readouterr()
    assert (told.out, told.err.count("* ")) == ("", 4)
    first, second = tracker.begun
    assert first == second
    assert (first["project"], first["resume"]) == ("ours", "allow")
    assert first["config"]["optimizer"]["lr"] == 0.01
    assert ("id" in first) is (name == "wandb")
    lines = [json.loads(x) for x in (Path(made.out) / "metrics.jsonl").read_text().splitlines()]
    assert [step for step, _ in tracker.logged] == [line.pop("step") for line in lines]
    for (_, values), line in zip(tracker.logged, lines, strict=True):
        assert values == pytest.approx(line, rel=1e-5)


def test_a_tracker_that_is_not_there_is_told(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MachineError, match="asks for wandb, which is not installed"):
        train(recipe(tracker="wandb"), device="cpu")

    class Broken(Tracker):
        class Error(Exception):
            pass

        def init(self, project: str, **told: Any) -> None:
            raise self.Error("no key\nand more")

    monkeypatch.setitem(sys.modules, "wandb", Broken("wandb"))
    with pytest.raises(MachineError, match=r"wandb does not begin: no key$"):
        train(recipe(tracker="wandb"), device="cpu")


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_step_tells_its_tokens_its_rate_and_its_memory(recipe: MakeRecipe, kind: str) -> None:
    told: list[Event] = []
    made = recipe(train=kind, lora={"rank": 2})
    train(made, device="cpu", emit=told.append)
    steps = [one for one in told if isinstance(one, TrainStepDone)]
    # Samples of 9 frames of 32x32 have three latent frames of four tokens.
    assert [one.tokens for one in steps] == [12 * one.samples for one in steps]
    assert all(0 < one.rate_share < 1 for one in steps)
    assert all(2**20 < one.memory_bytes < 2**36 for one in steps)
    lines = [json.loads(x) for x in (Path(made.out) / "metrics.jsonl").read_text().splitlines()]
    for line, one in zip([x for x in lines if "loss" in x], steps, strict=True):
        assert line["tokens_per_s"] == pytest.approx(one.tokens / line["seconds"], rel=1e-3)
        assert line["rate_share"] == pytest.approx(one.rate_share, rel=1e-3)
