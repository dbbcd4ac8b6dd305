"""A training run that is given as a model is told as one, with what it has made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.model.locate import find_model


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Path:
    """A run that began from a new model and has done no step."""
    shutil.copytree(tiny, tmp_path / "run" / "start")
    (tmp_path / "run" / "start.json").write_text("{}")
    return tmp_path / "run"


def told(run: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_model(str(run))
    assert caught.value.message == f"{run} is a training run, and no model"
    return caught.value.hint


def test_a_run_names_what_it_has_made(run: Path, tiny: Path) -> None:
    for name in ("lost", "model-0000002/transformer"):  # Files in the way of each other.
        shutil.copytree(tiny / "transformer", run / name)
    assert "holocine train RECIPE --export" in told(run)
    (run / "lora.safetensors").touch()
    assert told(run).endswith(f"--lora {run / 'lora.safetensors'}")
    (run / "model-0000002" / "model_index.json").touch()
    (run / "model-0000001").mkdir()
    (run / "model-0000001" / "model_index.json").touch()
    assert told(run).endswith(f"its model is {run / 'model-0000002'}")
    shutil.copytree(tiny, run / "model")
    assert told(run).endswith(f"its model is {run / 'model'}")
    assert find_model(str(run / "model")).missing == ()


def test_runs_of_two_experts_are_runs(tmp_path: Path) -> None:
    (tmp_path / "run/high/checkpoints").mkdir(parents=True)
    (tmp_path / "run/high/checkpoints/latest.json").write_text("{}")
    assert "--export" in told(tmp_path / "run")


def test_a_folder_of_no_run_is_told_as_before(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        find_model(str(tmp_path))
