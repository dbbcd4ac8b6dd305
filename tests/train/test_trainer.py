"""Runs that stop, are killed, and go on: the same bits as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from holocine_core.errors import InputError, Interrupted, MachineError, RenderError
from holocine_core.events import CheckpointKept, Event, HeldOutMeasured, TrainStepDone, Warned
from holocine_core.train import gradient, run, trainer
from holocine_core.train.checkpoints import Checkpoints, locked
from holocine_core.train.recipe import Recipe
from holocine_core.train.run import train
from holocine_core.train.validation import ValidationLoss
from tests.train.conftest import MakeRecipe

pytestmark = pytest.mark.slow

HARD = {
    "clean_shots": 0.5,
    "full_share": 0.5,
    "parts": ["transformer", "text_encoder"],
    "phases": [{"steps": 4}, {"steps": 2, "accumulate": 2}],
}
"""Everything that draws random numbers, and two phases."""


HELD_OUT = {"bins": 2}


def state(recipe: Recipe) -> dict[str, Tensor]:
    pointer = json.loads((Path(recipe.out) / "checkpoints" / "latest.json").read_text())
    return load_file(Path(recipe.out) / "checkpoints" / pointer["file"])


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.fixture
def straight(recipe: MakeRecipe, tmp_path: Path) -> Recipe:
    """A run without a stop."""
    made = recipe(out=str(tmp_path / "straight"), **HARD)
    train(made, device="cpu")
    return made


def written(recipe: Recipe, step: int) -> None:
    """Wait until a checkpoint, which is written beside training, is there."""
    ends = time.monotonic() + 60
    path = Path(recipe.out) / "checkpoints" / f"step-{step:07d}.safetensors"
    while not path.exists() and time.monotonic() < ends:
        time.sleep(0.01)


def test_a_killed_run_goes_on_to_the_same_bits(recipe: MakeRecipe, straight: Recipe) -> None:
    killed = recipe(**HARD)

    def kill(event: Event) -> None:
        if isinstance(event, TrainStepDone) and event.step == 3:
            written(killed, 2)
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        train(killed, device="cpu", emit=kill)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL

    steps: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, TrainStepDone):
            steps.append(event.step)

    done = train(killed, device="cpu", emit=note)
    assert steps == [3, 4, 5, 6]
    assert done.model is not None
    assert_same(state(killed), state(straight))
    lines = [json.loads(x) for x in (Path(killed.out) / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "held_out" in line] == [3, 6]


def test_a_measurement_that_a_kill_took_is_made_up_for(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe()
    measure, times = trainer.validation_loss, list[int]()

    def killed(*args: Any) -> ValidationLoss:
        times.append(1)
        if len(times) == 2:
            written(made, 6)
            raise KeyboardInterrupt
        return measure(*args)

    def measured() -> list[int]:
        lines = (Path(made.out) / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["step"] for line in lines if "held_out" in json.loads(line)]

    monkeypatch.setattr(trainer, "validation_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        train(made, device="cpu")
    assert measured() == [3]
    for _ in range(2):
        assert train(made, device="cpu").model is not None
        assert measured() == [3, 6]


def test_a_stop_keeps_the_step_and_the_same_call_goes_on(
    recipe: MakeRecipe, straight: Recipe
) -> None:
    stopped = recipe(**HARD)
    asked: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, TrainStepDone):
            asked.append(event.step)

    with pytest.raises(Interrupted, match="step 1 of 6"):
        train(stopped, device="cpu", emit=note, should_stop=lambda: bool(asked))
    assert train(stopped, device="cpu", seconds=0).step == 2
    assert train(stopped, device="cpu").model == Path(stopped.out) / "model"
    assert_same(state(stopped), state(straight))


def begin(recipe: Recipe) -> None:
    """Train a single step."""
    done: list[Event] = []

    def note(event: Event) -> None:
        if isinstance(event, TrainStepDone):
            done.append(event)

    with pytest.raises(Interrupted):
        train(recipe, device="cpu", emit=note, should_stop=lambda: bool(done))


def test_a_changed_recipe_is_refused_by_name_unless_it_moves_no_weight(
    recipe: MakeRecipe,
) -> None:
    begin(recipe())
    with pytest.raises(InputError, match=r"optimizer\.momentum \(0\.95 -> 0\.9\)") as refused:
        train(recipe(optimizer={"lr": 0.01, "momentum": 0.9}), device="cpu")
    assert "phases" not in refused.value.message
    assert train(recipe(checkpoints={"every": 3}, held_out={"every": 1}), device="cpu").step == 6


def test_the_learning_rate_may_be_lowered_and_the_weights_tell_both(recipe: MakeRecipe) -> None:
    first, second = recipe(), recipe(optimizer={"lr": 0.002})
    begin(first)
    told: list[Event] = []
    done = train(second, device="cpu", emit=told.append)
    assert [e.message for e in told if isinstance(e, Warned)] == [
        "from step 1 on with another optimizer.lr (0.01 -> 0.002)"
    ]
    assert done.model is not None
    weights = done.model / "transformer" / "diffusion_pytorch_model.safetensors"
    with safe_open(weights, "pt") as opened:
        metadata = opened.metadata()
    (before,) = json.loads(metadata["holocine_before"])
    assert before["holocine_step"] == "1"
    assert Recipe.model_validate(before["holocine_recipe"], strict=False) == first
    assert Recipe.model_validate_json(metadata["holocine_recipe"]) == second


def test_another_model_under_a_run_is_refused(
    recipe: MakeRecipe, model: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(model, moved)
    made = recipe(model={"folder": str(moved)})
    begin(made)
    path = moved / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({n: t * 1.5 for n, t in load_file(path).items()}, path)
    with pytest.raises(InputError, match="began from has changed: vae"):
        train(made, device="cpu")


def test_other_samples_under_a_run_are_refused(
    recipe: MakeRecipe, samples: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(samples, folder)
    made = recipe(phases=[{"data": str(folder)}])
    begin(made)
    path = folder / "sample-3.yaml"
    path.write_text(path.read_text().replace("A red room", "A blue room"))
    with pytest.raises(InputError, match=f"began from has changed: clips of {folder}"):
        train(made, device="cpu")


def test_time_that_is_over_ends_the_encoding_of_samples(recipe: MakeRecipe, tmp_path: Path) -> None:
    made = recipe(cache=str(tmp_path / "empty"))
    assert train(made, device="cpu", seconds=0).step == 0
    encoded = list((tmp_path / "empty").rglob("*.safetensors"))
    assert len(encoded) == 1
    assert train(made, device="cpu").step == 6


def test_a_key_that_came_later_had_its_default(recipe: MakeRecipe) -> None:
    made = recipe()
    begin(made)
    path = Path(made.out) / "checkpoints" / "step-0000001.safetensors"
    earlier = json.loads(made.model_dump_json())
    del earlier["precision"], earlier["optimizer"]["momentum"]
    earlier["phases"][0]["world"] = {"sets": ["kitchen"]}  # Phases with clips had one as well.
    save_file(load_file(path), path, metadata={"step": "1", "recipe": json.dumps(earlier)})
    (path.parent / "latest.json").unlink()
    found = Checkpoints(Path(made.out), recipe(precision="auto")).latest
    assert found(lambda event: None, dict) is not None
    with pytest.raises(InputError, match="precision"):
        Checkpoints(Path(made.out), made).latest(lambda event: None, dict)


@pytest.mark.parametrize("imitates", [True, False])
def test_bfloat16_that_is_imitated_is_told(
    recipe: MakeRecipe, imitates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "multiplies_bfloat16", lambda device: not imitates)
    told: list[Event] = []
    train(recipe(precision="bf16"), device="cpu", emit=told.append, seconds=0)
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert any("imitates bfloat16" in message for message in warnings) == imitates


def test_a_damaged_checkpoint_gives_way_to_the_one_before(recipe: MakeRecipe) -> None:
    made = recipe()
    train(made, device="cpu")
    folder = Path(made.out) / "checkpoints"
    assert sorted(p.stem for p in folder.glob("step-*")) == ["step-0000004", "step-0000006"]
    newest = folder / "step-0000006.safetensors"
    raw = bytearray(newest.read_bytes())
    raw[-100] ^= 0xFF
    newest.write_bytes(raw)
    warned: list[Warned] = []
    found = Checkpoints(Path(made.out), made).latest(lambda e: warned.append(e), dict)  # type: ignore[arg-type]
    assert found is not None
    assert found.step == 4
    assert "step-0000006" in warned[0].message
    # It never comes back, not even when the run has passed it and looks for the one before.
    train(made, device="cpu")
    assert sorted(p.name for p in folder.glob("step-*")) == [
        "step-0000004.safetensors",
        "step-0000006.safetensors",
        "step-0000006.safetensors.damaged",
    ]


def test_every_kept_checkpoint_is_known_by_its_hash(recipe: MakeRecipe) -> None:
    made = recipe()
    train(made, device="cpu")
    folder = Path(made.out) / "checkpoints"
    for path in folder.glob("step-*"):
        raw = bytearray(path.read_bytes())
        raw[-100] ^= 0xFF
        path.write_bytes(raw)
    with pytest.raises(MachineError, match="no checkpoint of this run is whole"):
        train(made, device="cpu")
    assert train(made, device="cpu").step == 6


def test_a_run_has_one_trainer(recipe: MakeRecipe) -> None:
    made = recipe()
    with locked(Path(made.out)), pytest.raises(MachineError, match=f"process {os.getpid()}"):
        train(made, device="cpu")


def test_training_learns_and_reports(recipe: MakeRecipe) -> None:
    events: list[Event] = []
    made = recipe(
        phases=[{"steps": 40}], optimizer={"lr": 0.02}, held_out={"every": 20, "bins": 2}, ema=0.8
    )
    # Measured on the trained samples: what counts is that the loss falls.
    same = made.held_out.model_copy(update={"data": made.phases[0].data})
    train(made.model_copy(update={"held_out": same}), device="cpu", emit=events.append)
    measured = [e for e in events if isinstance(e, HeldOutMeasured)]
    assert measured[-1].loss < 0.9 * measured[0].loss
    assert len(measured[0].by_timestep) == 2
    lines = (Path(made.out) / "metrics.jsonl").read_text().splitlines()
    swapped = [json.loads(line).get("held_out/swapped_text") for line in lines]
    assert [loss for loss in swapped if loss] == [
        pytest.approx(e.swapped, abs=1e-5) for e in measured
    ]
    assert [e.step for e in events if isinstance(e, CheckpointKept)] == list(range(2, 41, 2))


def test_a_loss_that_explodes_ends_the_run(recipe: MakeRecipe) -> None:
    made = recipe(optimizer={"lr": 1.0, "kind": "adamw"}, schedule={"warm_up": 0})
    broken = made.model_copy(update={"optimizer": made.optimizer.model_copy(update={"lr": 1e30})})
    with pytest.raises(RenderError, match="no longer finite at step") as stopped:
        train(broken, device="cpu")
    assert "lower `optimizer.lr`" in stopped.value.hint


def test_the_model_says_how_it_was_made(recipe: MakeRecipe) -> None:
    made = recipe(attention="full")
    done = train(made, device="cpu")
    assert done.model is not None
    with safe_open(
        done.model / "transformer" / "diffusion_pytorch_model.safetensors", "pt"
    ) as opened:
        told = opened.metadata()
    assert Recipe.model_validate_json(told["holocine_recipe"]) == made
    assert (told["holocine_step"], told["holocine_seed"]) == ("6", "7")
    card: dict[str, Any] = json.loads((done.model / "holocine.json").read_text())
    assert card["attention"] == "full"


def test_weights_name_the_runs_before(recipe: MakeRecipe, tmp_path: Path) -> None:
    parts = ["transformer", "text_encoder"]
    first = recipe(parts=parts, out=str(tmp_path / "first"))
    folder = train(first, device="cpu").model
    runs = [first]
    for name in ("second", "third"):
        runs.append(recipe(parts=parts, out=str(tmp_path / name), model={"folder": str(folder)}))
        folder = train(runs[-1], device="cpu").model
    assert folder is not None
    for weights in ("transformer/diffusion_pytorch_model", "text_encoder/model"):
        with safe_open(folder / f"{weights}.safetensors", "pt") as opened:
            told = opened.metadata()
        before = json.loads(told["holocine_before"])
        found = [Recipe.model_validate(run["holocine_recipe"], strict=False) for run in before]
        assert [*found, Recipe.model_validate_json(told["holocine_recipe"])] == runs
        assert [run["holocine_step"] for run in before] == ["6", "6"]


def test_passes_of_a_step_count_by_their_samples(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples in passes of four and of two move the weights as their mean does."""
    weights: list[tuple[int, float]] = []
    real = torch.autograd.backward

    def note(loss: Tensor) -> None:
        real(loss)
        weights.append((counts.pop(0), float(loss.detach()) / losses.pop(0)))

    counts: list[int] = []
    losses: list[float] = []
    losses_of = gradient.losses_of

    def noted(made: Recipe, model: Any, batch: Any, drawn: Any) -> Any:
        found = losses_of(made, model, batch, drawn)
        counts.append(len(batch.latents_BCFHW))
        losses.append(float(found.total(made).detach()))
        return found

    monkeypatch.setattr(gradient, "losses_of", noted)
    monkeypatch.setattr(torch.autograd, "backward", note)
    made = recipe(phases=[{"steps": 6, "batch": 4, "accumulate": 2}])
    train(made, device="cpu")
    # Six clips in one bucket: passes of four samples and of two.
    assert {count for count, _ in weights} == {2, 4}
    steps: list[list[tuple[int, float]]] = [[]]
    for count, share in weights:
        steps[-1].append((count, share))
        if sum(n for n, _ in steps[-1]) >= 8:
            steps.append([])
    for step in filter(None, steps):
        whole = sum(count for count, _ in step)
        assert [share for _, share in step] == pytest.approx([n / whole for n, _ in step])


def test_checkpoints_are_kept_by_minutes_too(recipe: MakeRecipe) -> None:
    events: list[Event] = []
    train(recipe(checkpoints={"every": 100, "minutes": 1e-6}), device="cpu", emit=events.append)
    assert [e.step for e in events if isinstance(e, CheckpointKept)] == [1, 2, 3, 4, 5, 6]
    events.clear()
    made = recipe(checkpoints={"every": 100, "minutes": None}, out="other")
    train(made.model_copy(update={"out": f"{recipe().out}-2"}), device="cpu", emit=events.append)
    assert [e.step for e in events if isinstance(e, CheckpointKept)] == [6]
