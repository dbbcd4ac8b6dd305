"""One film on several ranks: the same film, and no rank left behind."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from holocine_cli.app import main as holocine
from holocine_core.errors import InputError, MachineError
from holocine_core.film.planning import plan_film
from holocine_core.fleet import launch
from holocine_core.model.attention.layout import ShotContext, ShotLayout
from holocine_core.model.parallel import Group, lost_ranks, require_heads
from holocine_core.request import Request
from holocine_core.sample.crew import refuse
from holocine_core.sampling import Cache
from holocine_core.script.timeline import LatentSpan, TokenSpan
from tests.forked import Forked
from tests.render.ranks import SCENE, write_models

pytestmark = pytest.mark.slow
HERE = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
LONG = SCENE.replace("steps: 4", "steps: 90").replace("frames: 29", "frames: 121")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    return folder


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    ranks = Forked("tests.render.ranks", tmp_path_factory.mktemp("logs"))
    yield ranks
    ranks.close()


def run(words: Sequence[str], at: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LOGLEVEL": "CRITICAL", "PYTHONPATH": str(HERE)}
    return subprocess.run(
        words, cwd=at, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def undisturbed(models: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The long film as one process makes it; its hash."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "film.yaml").write_text(LONG.format(guidance="2", more="", lora=""))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        alone("--model", str(models / "one"), "-qq")
    return digest(folder / "film.mp4")


RENDER = ("render", "film.yaml", "--device", "cpu")
COMMAND = (sys.executable, "-m", "holocine_cli", *RENDER)


def alone(*words: str) -> None:
    """Renders here, as one process does."""
    assert holocine([*RENDER, *words]) == 0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [2, 4])
def test_latents_are_those_of_one_process(size: int, models: Path, forked: Forked) -> None:
    told = forked.run(size, models)
    found = re.findall(r"^(.+): (\S+) of (\S+)$", told, re.M)
    assert len(found) == 8, told
    for name, error, most in found:
        assert float(error) <= 1e-6 * float(most), name


def test_a_film_by_several_and_by_one(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(SCENE.format(guidance="2", more="", lora=""))
    model = ("--model", str(models / "one"))
    alone(*model, "-o", "one.mp4")
    two = run([*COMMAND, *model, "-o", "two.mp4", "--work", "w", "--gpus", "2"], tmp_path)
    assert (two.returncode, two.stdout) == (0, "two.mp4\n"), two.stderr
    assert digest(tmp_path / "one.mp4") == digest(tmp_path / "two.mp4")
    words = (*TORCHRUN, "--nproc-per-node", "2", *COMMAND[1:], *model)
    given = run((*words, "-o", "given.mp4", "--work", "w2", "--gpus", "2"), tmp_path)
    assert given.returncode == 0, given.stderr
    assert digest(tmp_path / "given.mp4") == digest(tmp_path / "one.mp4")
    wrong = run((*words, "-o", "wrong.mp4", "--gpus", "4"), tmp_path)
    assert "2 ranks were started, and --gpus asks for 4" in wrong.stderr


def rank(of: psutil.Process, number: int) -> psutil.Process | None:
    for child in of.children(recursive=True):
        try:
            if child.environ().get("RANK") == str(number) and child.cmdline()[0] == sys.executable:
                return child
        except psutil.Error:
            continue
    return None


@pytest.mark.parametrize(("number", "signalled"), [(1, signal.SIGKILL), (0, signal.SIGKILL)])
def test_a_rank_that_dies_ends_all(
    number: int,
    signalled: signal.Signals,
    models: Path,
    undisturbed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(LONG.format(guidance="2", more="", lora=""))
    words = ("--model", str(models / "one"), "-qq")
    log = tmp_path / ".holocine/film/run.jsonl"
    with subprocess.Popen(
        [*COMMAND, *words, "--gpus", "2"],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stderr=subprocess.PIPE,
        text=True,
    ) as film:
        until = time.monotonic() + 120
        while not (log.is_file() and log.read_text().count("StepDone") > 6):
            assert time.monotonic() < until, "no step was made"
            assert film.poll() is None
            time.sleep(0.02)
        here = psutil.Process(film.pid)
        dying, others = rank(here, number), here.children(recursive=True)
        assert dying is not None
        dying.send_signal(signalled)
        began = time.monotonic()
        assert film.wait(60) == 3
        assert time.monotonic() - began < 30
        assert film.stderr is not None
        told = film.stderr.read()
    assert "rank" in told
    assert "run the same command again" in told
    _, alive = psutil.wait_procs(others, timeout=5)
    assert alive == []
    assert not (tmp_path / "film.mp4").exists()
    assert list((tmp_path / ".holocine/film/progress").glob("*.safetensors"))
    alone(*words)
    assert digest(tmp_path / "film.mp4") == undisturbed


# --- refused by name -----------------------------------------------------------------------------


def test_heads_that_do_not_divide() -> None:
    for size in (1, 2, 4, 8, 10, 16):
        require_heads(40, size, guided=True)
    with pytest.raises(InputError, match="40 heads of attention do not divide among 3") as caught:
        require_heads(40, 3, guided=True)
    assert "1, 2, 4, 5, 8, 10, 16" in caught.value.hint
    require_heads(40, 5, guided=False)
    with pytest.raises(InputError):
        require_heads(40, 16, guided=False)


def test_what_goes_with_one_gpu_only(tmp_path: Path, small: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    refuse(plan, 2)
    cached = Cache(kind="taylor", interval=2)
    takes = [
        replace(take, sampling=take.sampling.model_copy(update={"cache": cached}))
        for take in plan.takes
    ]
    with pytest.raises(InputError, match="'storm' has a cache"):
        refuse(replace(plan, takes=tuple(takes)), 2)


def test_there_have_to_be_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "visible_gpus", lambda: ("0", "1"))
    launch.refuse_gpus(2, "auto")
    launch.refuse_gpus(8, "cpu")
    launch.refuse_gpus(1, "cuda:1")
    with pytest.raises(MachineError, match="4 GPUs are asked for, and this machine has 2"):
        launch.refuse_gpus(4, "cuda")
    with pytest.raises(InputError, match="cuda:1 is one GPU"):
        launch.refuse_gpus(2, "cuda:1")
    with pytest.raises(InputError, match="0 GPUs"):
        launch.refuse_gpus(0, "auto")


def test_a_plan_tells_the_memory_of_one(small: Path, tmp_path: Path) -> None:
    def needs(gpus: int) -> tuple[int, int]:
        plan = plan_film(small, Request(out=tmp_path / "film.mp4", gpus=gpus))
        return plan.gpus, plan.takes[0].cost.activation_bytes

    assert needs(2) == (2, needs(1)[1]), "guidance takes two halves, with all tokens each"
    assert needs(1)[1] / 2 < needs(4)[1] < needs(1)[1]


def test_an_exchange_that_fails_is_told() -> None:
    with pytest.raises(MachineError, match="another rank ended"), lost_ranks():
        raise RuntimeError("[gloo/pair.cc:553] Connection closed by peer")
    with pytest.raises(RuntimeError, match="a bug"), lost_ranks():
        raise RuntimeError("a bug")


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "size"), [(48, 2), (7, 4), (3, 4), (1000, 3)])
def test_stretches_are_all_rows_once(length: int, size: int) -> None:
    groups = [Group(tuple(range(size)), rank, None) for rank in range(size)]
    rows = [row for group in groups for row in range(length)[group.share(length)]]
    assert rows == list(range(length))
    sizes = [len(range(length)[group.share(length)]) for group in groups]
    assert max(sizes) - min(sizes) <= 1


def test_runs_are_clipped_to_a_stretch() -> None:
    layout = ShotLayout(
        shots=(LatentSpan(0, 2), LatentSpan(2, 5), LatentSpan(5, 6)),
        frame_tokens=4,
        windows=((0, 1), (0, 2), (0, 3, 3)),
    )
    context = ShotContext()
    context.layout = layout
    whole = context.text_segments(torch.device("cpu"))
    context.part = slice(6, 21)
    part = context.text_segments(torch.device("cpu"))
    assert whole is not None
    assert part is not None
    assert part.queries == (TokenSpan(0, 2), TokenSpan(2, 14), TokenSpan(14, 15))
    assert [keys.tolist() for keys in part.keys] == [keys.tolist() for keys in whole.keys]
    context.part = slice(8, 20)
    middle = context.text_segments(torch.device("cpu"))
    assert middle is not None
    assert middle.queries == (TokenSpan(0, 12),)
    assert middle.keys[0].tolist() == whole.keys[1].tolist()
    context.part = None
    assert context.text_segments(torch.device("cpu")) is whole
