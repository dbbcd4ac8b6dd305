"""holocine train as a shell sees it."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from holocine_cli.train_view import TrainReporter
from holocine_core.events import Event, TrainStepDone
from holocine_core.model.tiny import write_tiny
from holocine_core.train import measure
from tests.cli.conftest import Holocine
from tests.train.conftest import write_one

pytestmark = pytest.mark.slow

RECIPE = """
out: run
model: {folder: tiny}
precision: float32
schedule: {warm_up: 1}
phases:
  - {size: 32x32, steps: 4, batch: 2, data: samples}
checkpoints: {every: 2}
"""


@pytest.fixture
def desk(holocine: Holocine, tmp_path: Path) -> Path:
    """A folder with a model, two samples and a recipe; the current one."""
    write_tiny(tmp_path / "tiny", experts=1)
    for number in range(2):
        write_one(tmp_path / "samples", f"one-{number}", (5, 4), number)
    (tmp_path / "recipe.yaml").write_text(RECIPE.lstrip())
    return tmp_path


def test_a_run_ends_with_a_model_that_renders(holocine: Holocine, desk: Path) -> None:
    done = holocine("train", "recipe.yaml", "--device", "cpu")
    assert (done.exit_code, done.stdout) == (0, "run/model\n")
    assert "step 4 of 4" in done.stderr
    film = "frames: 9\nshots: [A red room.]\nprofiles: {standard: {size: 32x32, steps: 1}}\n"
    (desk / "film.yaml").write_text(film)
    made = holocine("render", "film.yaml", "--model", "run/model", "--device", "cpu")
    assert (made.exit_code, made.stdout) == (0, "film.mp4\n")


def test_json_tells_the_run_in_one_document(holocine: Holocine, desk: Path) -> None:
    told = holocine("train", "recipe.yaml", "--json", "--device", "cpu").json
    assert (told["step"], told["steps"], told["model"]) == (4, 4, "run/model")


def test_the_dry_run_writes_nothing(holocine: Holocine, desk: Path) -> None:
    before = sorted(desk.rglob("*"))
    shown = holocine("train", "recipe.yaml", "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "32x32" in shown.stdout
    assert "2 by 2" in shown.stdout
    told = holocine("train", "recipe.yaml", "--dry-run", "--json").json
    assert sorted(desk.rglob("*")) == before
    (phase,) = told["phases"]
    # 3 latent frames of 2 x 2 patches.
    assert (phase["samples"], phase["tokens"], phase["epochs"]) == (2, 12, 4.0)
    # Clips' prompts are encoded before: the text encoder runs in no pass.
    assert 0 < told["trained"] == told["parameters"]
    assert phase["peak_bytes"] > 16 * told["trained"]
    pace = phase["measured"]
    assert 0 < pace["seconds"] < 60
    assert 0 < pace["rate_share"] < 1
    assert "steps an hour" in shown.stdout
    assert "all of it: about" in shown.stdout


def test_the_dry_run_of_several_devices_is_of_each(holocine: Holocine, desk: Path) -> None:
    alone = holocine("train", "recipe.yaml", "--dry-run", "--json").json
    answer = holocine("train", "recipe.yaml", "--dry-run", "--gpus", "4", "--json")
    four = answer.json
    (one,), (each,) = alone["phases"], four["phases"]
    assert four["gpus"] == 4
    assert each["flops_per_step"] == one["flops_per_step"] / 4
    assert each["peak_bytes"] < one["peak_bytes"]
    assert each["measured"] is None
    said = holocine("train", "recipe.yaml", "--dry-run", "--gpus", "4").stdout
    assert "on each of 4 devices" in said
    assert "not measured: that takes all 4 devices" in said
    (desk / "recipe.yaml").write_text(f"ulysses: 3\n{RECIPE}")
    refused = holocine("train", "recipe.yaml", "--dry-run", "--gpus", "4")
    assert refused.exit_code == 2
    assert "4 devices can't share clips by 3" in refused.stderr


@pytest.mark.parametrize(
    ("more", "gpus", "words"),
    [
        ("compile: true", 2, "`compile` can not be trained on several ranks"),
        ("parts: [transformer, text_encoder]", 2, "`parts` can not be trained on several ranks"),
        ("facts: 0.5", 2, "`facts` can not be trained on several ranks"),
        ("ulysses: 3", 3, "2 heads of attention do not divide among 3 GPUs"),
        ("", 0, "--gpus"),
        ("held_out: {data: nowhere}", 1, "there is no training sample"),
        ("held_out: {data: wide}", 1, "no held-out sample is 32x32"),
        ("films: {screenplays: [nowhere.yaml]}", 1, "no screenplay at nowhere.yaml"),
        ("films: {screenplays: [odd.yaml]}", 1, "odd.yaml:2"),
    ],
)
def test_the_dry_run_refuses_what_training_refuses(
    holocine: Holocine, desk: Path, more: str, gpus: int, words: str
) -> None:
    write_one(desk / "wide", "one", (9,), width=64)
    (desk / "odd.yaml").write_text("frames: 9\nshotts: [A red room.]\n")
    (desk / "recipe.yaml").write_text(f"{more}\n{RECIPE}")
    refused = holocine("train", "recipe.yaml", "--dry-run", "--gpus", gpus)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words in refused.stderr


def test_what_fits_is_no_hindrance(holocine: Holocine, desk: Path) -> None:
    """A folder that holds other sizes too, and a film that can be made, are no hindrance."""
    write_one(desk / "kept", "one", (9,), 7)
    write_one(desk / "kept", "wide", (9,), width=64)
    (desk / "film.yaml").write_text("frames: 9\nshots: [A red room.]\n")
    more = "held_out: {data: kept}\nfilms: {screenplays: [film.yaml]}\n"
    (desk / "recipe.yaml").write_text(more + RECIPE)
    before = sorted(desk.rglob("*"))
    assert holocine("train", "recipe.yaml", "--dry-run").exit_code == 0
    assert sorted(desk.rglob("*")) == before


def test_the_outline_is_shown_where_a_package_is_missing(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchao.optim", None)
    (desk / "recipe.yaml").write_text(f"optimizer: {{kind: adamw-8bit}}\n{RECIPE}")
    said = holocine("train", "recipe.yaml", "--dry-run", "--device", "cpu")
    assert (said.exit_code, said.stderr) == (0, "")
    assert "2 by 2" in said.stdout
    assert "not measured: the recipe asks for adamw-8bit, and torchao is not ins" in said.stdout


def test_memory_that_runs_out_in_one_phase_leaves_the_others(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, real = [], measure.go_back

    def go_back(*given: Any) -> Any:
        asked.append(given)
        if len(asked) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*given)

    monkeypatch.setattr(measure, "go_back", go_back)
    again = "  - {size: 32x32, steps: 4, batch: 1, data: samples}\ncheckpoints:"
    (desk / "recipe.yaml").write_text(RECIPE.replace("checkpoints:", again))
    told = holocine("train", "recipe.yaml", "--dry-run", "--json", "--device", "cpu").json
    assert [one["measured"] is None for one in told["phases"]] == [True, False]
    asked.clear()
    said = holocine("train", "recipe.yaml", "--dry-run", "--device", "cpu").stdout
    assert "phase 1: not measured: memory ran out while measuring; lower `batch`" in said


def test_a_gpu_that_is_not_here_is_counted_on_in_bfloat16(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def told(precision: str) -> Any:
        (desk / "recipe.yaml").write_text(RECIPE.replace("float32", precision))
        (phase,) = holocine("train", "recipe.yaml", "--dry-run", "--device", "cuda", "--json").json[
            "phases"
        ]
        assert phase["measured"] is None
        return phase["peak_bytes"]

    assert told("auto") == told("bf16") < told("float32")


@pytest.mark.parametrize("free", [1, 2**40])
def test_what_does_not_fit_is_not_measured(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(measure, "free_memory", lambda device: free)
    monkeypatch.setattr(measure, "PATIENCE", 0.0)
    said = holocine("train", "recipe.yaml", "--dry-run")
    assert said.exit_code == 0
    why = "0.0 MiB are free here" if free == 1 else "a step takes too long here"
    assert f"not measured: {why}" in said.stdout


def test_buckets_are_listed_where_there_are_several(holocine: Holocine, desk: Path) -> None:
    write_one(desk / "samples", "wide", (9, 4), width=64)
    write_one(desk / "samples", "long", (9, 8))
    (desk / "recipe.yaml").write_text(RECIPE.replace("size: 32x32, ", "tokens: 30, "))
    said = holocine("train", "recipe.yaml", "--dry-run").stdout
    rows = [line.split() for line in said.splitlines() if "tokens" in line and " x " in line]
    assert ["1", "64x32", "13", "1", "1", "x", "32", "tokens"] in rows
    assert ["1", "32x32", "17", "1", "1", "x", "20", "tokens"] in rows


def test_stop_after_keeps_a_checkpoint_and_says_how_to_go_on(
    holocine: Holocine, desk: Path
) -> None:
    nothing = holocine("train", "recipe.yaml", "--export", "--device", "cpu")
    assert nothing.exit_code == 2
    assert "there is no checkpoint to export: 0 of 4 steps are done" in nothing.stderr
    early = holocine("train", "recipe.yaml", "--stop-after", "0", "--device", "cpu")
    assert "step 0 of 4 is kept" in early.stderr, "the time was over while samples were encoded"
    stopped = early
    while "step 0 of 4" in stopped.stderr:
        stopped = holocine("train", "recipe.yaml", "--stop-after", "0", "--device", "cpu")
    assert (stopped.exit_code, stopped.stdout) == (0, ""), "no model is finished"
    assert "step 1 of 4 is kept in run, and no model is made yet; go on with:" in stopped.stderr
    (desk / "film.yaml").write_text("frames: 9\nshots: [A red room.]\n")
    for path in ("run", "run/"):
        given = holocine("plan", "film.yaml", "--model", path, "--check", "--device", "cpu")
        assert given.exit_code == 2
        assert "run is a training run, and no model" in given.stderr
        assert "holocine train RECIPE --export" in given.stderr
    exported = holocine("train", "recipe.yaml", "--export", "--device", "cpu")
    assert exported.stdout == "run/model-0000001\n"
    given = holocine("plan", "film.yaml", "--model", "run", "--check", "--device", "cpu")
    assert "its model is run/model-0000001" in given.stderr
    assert (desk / "run" / "model-0000001" / "model_index.json").is_file()
    going_on = holocine("train", "recipe.yaml", "--device", "cpu")
    assert "goes on at step 1 of 4" in going_on.stderr
    assert going_on.stdout == "run/model\n"


STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_a_signal_ends_after_the_step(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    original = TrainReporter.__call__

    def listen(self: TrainReporter, event: Event) -> None:
        original(self, event)
        if isinstance(event, TrainStepDone) and event.step == 2:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.2)

    monkeypatch.setattr(TrainReporter, "__call__", listen)
    stopped = holocine("train", "recipe.yaml", "--json", "--device", "cpu")
    assert stopped.exit_code == code
    told: dict[str, Any] = stopped.json
    assert told["step"] == 2
    assert told["error"]["message"] == "stopped after step 2 of 4; it is kept"
    assert told["error"]["hint"].startswith("go on with: holocine train recipe.yaml")
    assert json.loads((desk / "run/checkpoints/latest.json").read_text())["step"] == 2


@pytest.mark.parametrize(
    ("old", "new", "words", "code"),
    [
        ("steps: 4", "stesp: 4", "unknown key `stesp`", 2),
        ("data: samples", "data: nowhere", "there is no training sample", 2),
        ("folder: tiny", "folder: nowhere", "nowhere", 2),
        ("32x32", "48x32", "the phase trains 48x32", 2),
    ],
)
def test_faults_have_their_exit_codes(
    holocine: Holocine, desk: Path, old: str, new: str, words: str, code: int
) -> None:
    (desk / "recipe.yaml").write_text(RECIPE.replace(old, new))
    failed = holocine("train", "recipe.yaml", "--device", "cpu")
    assert (failed.exit_code, failed.stdout) == (code, "")
    assert words in failed.stderr


def test_tensorboard_shows_what_metrics_hold(holocine: Holocine, desk: Path) -> None:
    (desk / "recipe.yaml").write_text(f"tensorboard: true\n{RECIPE}")
    assert holocine("train", "recipe.yaml", "--device", "cpu").exit_code == 0
    board = EventAccumulator(str(desk / "run/tensorboard"))
    board.Reload()
    lines = (desk / "run/metrics.jsonl").read_text().splitlines()
    losses = {line["step"]: line["loss"] for line in map(json.loads, lines) if "loss" in line}
    shown = {event.step: event.value for event in board.Scalars("loss")}
    assert shown == pytest.approx(losses, rel=1e-4)
    assert sorted(shown) == [1, 2, 3, 4]


def test_tensorboard_is_asked_for_in_vain_where_it_is_not_installed(
    holocine: Holocine, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    (desk / "recipe.yaml").write_text(f"tensorboard: true\n{RECIPE}")
    failed = holocine("train", "recipe.yaml", "--device", "cpu")
    assert failed.exit_code == 3
    assert "pip install 'holocine[train]'" in failed.stderr
