"""What a run keeps of itself: the best step, and all beside training."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from holocine_core.errors import InputError, Interrupted
from holocine_core.events import CheckpointKept, Event, TrainStepDone
from holocine_core.train import trainer, writing
from holocine_core.train.checkpoints import Checkpoints
from holocine_core.train.continuity import measured_on
from holocine_core.train.recipe import HeldOut, Recipe
from holocine_core.train.run import train
from holocine_core.train.validation import ValidationLoss
from tests.train.conftest import MakeRecipe
from tests.train.test_trainer import HELD_OUT, assert_same, state, written

pytestmark = pytest.mark.slow


def losses(recipe: Recipe) -> dict[int, float]:
    """Held-out losses by step."""
    lines = [json.loads(x) for x in (Path(recipe.out) / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["held_out"] for line in lines if "held_out" in line}


def test_the_best_checkpoint_stays_and_becomes_a_model(recipe: MakeRecipe) -> None:
    """A rate that spoils the weights, after steps that did not."""
    begun = recipe(
        phases=[{"steps": 12}],
        checkpoints={"every": 2, "best": True},
        held_out={**HELD_OUT, "every": 2, "data": recipe().held_out.data},
        optimizer={"lr": 0.003},
        schedule={"warm_up": 2, "decay": 0},
    )
    told: list[Event] = []
    with pytest.raises(Interrupted):
        train(
            begun,
            device="cpu",
            emit=told.append,
            should_stop=lambda: any(isinstance(e, TrainStepDone) and e.step == 4 for e in told),
        )
    spoilt = begun.model_copy(
        update={"optimizer": begun.optimizer.model_copy(update={"lr": 1.0, "clip": 1e6})}
    )
    last = train(spoilt, device="cpu").model
    found = losses(spoilt)
    best = min(found, key=lambda step: found[step])
    assert best <= 6 < max(found)
    folder = Path(spoilt.out) / "checkpoints"
    steps = sorted(int(path.stem.partition("-")[2]) for path in folder.glob("step-*"))
    assert steps == [best, 10, 12]
    made = train(spoilt, device="cpu", export="best").model
    assert made == Path(spoilt.out) / "model-best"
    assert last is not None
    weights = "transformer/diffusion_pytorch_model.safetensors"
    kept = load_file(folder / f"step-{best:07d}.safetensors")
    for name, value in load_file(made / weights).items():
        assert torch.equal(value, kept[f"average.transformer.{name}"].to(value.dtype))
    # Measured on other samples a loss is no higher and no lower.
    known = Checkpoints(Path(spoilt.out), spoilt).best_known()
    assert (known.step, known.loss) == (best, pytest.approx(found[best], rel=1e-5))
    (phase,) = spoilt.phases
    assert known.told_by == measured_on(spoilt, phase)
    other = spoilt.model_copy(update={"held_out": HeldOut(bins=3)})
    assert known.told_by != measured_on(other, phase)


@pytest.mark.parametrize("times", [1, 2])
def test_a_kill_while_it_is_measured_marks_the_step_that_was_measured(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The checkpoint has its name by then, and nothing points to it yet."""
    made = recipe(
        checkpoints={"every": 2, "best": True},
        held_out={**HELD_OUT, "every": 2, "data": recipe().held_out.data},
    )
    measure, measured = trainer.validation_loss, list[int]()

    def killed(*args: Any) -> ValidationLoss:
        measured.append(1)
        if len(measured) == times:
            written(made, 2 * times)
            raise KeyboardInterrupt
        return measure(*args)

    monkeypatch.setattr(trainer, "validation_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        train(made, device="cpu")
    told: list[Event] = []
    with pytest.raises(Interrupted):
        train(
            made,
            device="cpu",
            emit=told.append,
            should_stop=lambda: any(isinstance(e, TrainStepDone) for e in told),
        )
    found = losses(made)
    assert 2 * times in found
    known = Checkpoints(Path(made.out), made).best_known()
    best = min(found, key=lambda step: found[step])
    assert (known.step, known.loss) == (best, pytest.approx(found[best], rel=1e-5))


def test_no_best_checkpoint_is_told(recipe: MakeRecipe) -> None:
    made = recipe()
    train(made, device="cpu")
    with pytest.raises(InputError, match="no checkpoint is known to be the best"):
        train(made, device="cpu", export="best")


def test_training_goes_on_while_a_checkpoint_is_written(
    recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk delays no step, and changes no bit of what is kept."""
    straight = recipe(out=str(tmp_path / "straight"))
    train(straight, device="cpu")
    told: list[Event] = []
    write, seen = writing.write_tensors, list[int]()

    def slow(path: Path, *args: Any) -> None:
        before = sum(isinstance(e, TrainStepDone) for e in told)
        ends = time.monotonic() + 20
        # Written once two more steps are done, or none is to come.
        while time.monotonic() < ends and before < 5:
            if sum(isinstance(e, TrainStepDone) for e in told) >= before + 2:
                break
            time.sleep(0.01)
        seen.append(sum(isinstance(e, TrainStepDone) for e in told) - before)
        write(path, *args)

    monkeypatch.setattr(writing, "write_tensors", slow)
    made = recipe(checkpoints={"every": 3})
    train(made, device="cpu", emit=told.append)
    assert seen[0] == 2
    kept = [e.step for e in told if isinstance(e, CheckpointKept)]
    assert kept == [3, 6]
    assert_same(state(made), state(straight))
