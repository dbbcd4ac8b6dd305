"""Several ranks train as one process does: parted samples, parted tokens, parted weights."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError
from holocine_core.events import Event, Warned
from holocine_core.model.tiny import TINY_SHAPE, write_tiny
from holocine_core.train.check import began_from, check_fits
from holocine_core.train.checkpoints import Checkpoints
from holocine_core.train.networks import find_source
from holocine_core.train.optim import EMA, Optimization
from holocine_core.train.order import Pick, chunks
from holocine_core.train.recipe import Recipe
from holocine_core.train.run import train
from holocine_core.train.sharding import refuse_undivided
from tests.forked import Forked
from tests.train.conftest import MakeRecipe, write_one
from tests.train.test_export import FILM

pytestmark = pytest.mark.slow
STEPS = 20
NEAR = 1e-5
LAYOUTS = ((5, 4), (9,), (1, 4, 4), (5, 4), (1, 8))
"""Nine frames each, cut otherwise; three latent frames of four tokens do not divide evenly."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two experts with four heads, and its samples."""
    folder = tmp_path_factory.mktemp("ranks")
    write_tiny(folder / "model", experts=2, shape=replace(TINY_SHAPE, width=48, heads=4))
    (weights,) = (folder / "model" / "transformer_2").glob("*.safetensors")
    # As models are published: ranks widen their shares.
    kept = ("scale_shift_table", "norm", "time_embedder")
    narrow = {
        name: value if any(word in name for word in kept) else value.bfloat16()
        for name, value in load_file(weights).items()
    }
    save_file(narrow, weights)
    for number, lengths in enumerate(LAYOUTS):
        write_one(folder / "samples", f"sample-{number}", lengths, number)
    # Three passes of two ranks, in one of which nobody can be told another's text.
    for number, lengths in enumerate(((5, 4), (1, 8), (9,), (1, 4, 4), (5, 4))):
        write_one(folder / "kept", f"kept-{number}", lengths, 50 + number)
    return folder


Make = Callable[..., Path]


def _write(home: Path, folder: Path, name: str, **changes: Any) -> Path:
    """A recipe of STEPS steps."""
    settings = {
        "out": str(folder / name),
        "seed": 3,
        "model": {"folder": str(home / "model")},
        "expert": "low",
        "precision": "float32",
        "optimizer": {"kind": "adamw", "lr": 0.001, "clip": 0.5},
        "schedule": {"warm_up": 2},
        "drop_caption": 0.2,
        "clean_shots": 0.4,
        "phases": [{"steps": STEPS, "batch": 3, "data": str(home / "samples")}],
        "held_out": {"every": 10, "data": str(home / "kept"), "bins": 2},
        "checkpoints": {"every": 100},
        "cache": str(home / "latents"),
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**settings, **changes}), encoding="utf-8")
    return path


def _showing(folder: Path) -> dict[str, object]:
    """A screenplay that training shows in the end."""
    path = folder / "room.yaml"
    path.write_text(FILM, encoding="utf-8")
    return {"every": STEPS, "screenplays": [str(path)]}


@pytest.fixture
def make(home: Path, tmp_path: Path) -> Make:
    return partial(_write, home, tmp_path)


def _read(path: Path) -> Recipe:
    from holocine_core.train.recipe_file import read_recipe

    return read_recipe(path, Recipe)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    forked = Forked("tests.train.ranks", tmp_path_factory.mktemp("logs"))
    yield forked
    forked.close()


@pytest.fixture(scope="module")
def alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recipe]:
    """What one process trains of a kind; once for all tests."""
    folder, trained = tmp_path_factory.mktemp("alone"), dict[str, Recipe]()

    def of(kind: str) -> Recipe:
        if kind not in trained:
            trained[kind] = _read(_write(home, folder, kind, **KINDS[kind], films=_showing(folder)))
            train(trained[kind], device="cpu")
        return trained[kind]

    return of


def _kept(recipe: Recipe) -> Mapping[str, Tensor]:
    """All that the newest checkpoint holds, read by this process alone."""
    one = recipe
    folder = Path(one.model.folder or "")
    source = find_source(one, folder, torch.device("cpu"))
    read = check_fits(one, source.located, source.part, source.tokenizer)

    def template() -> dict[str, Tensor]:
        from holocine_core.train.networks import assemble

        trained = assemble(one, source).trained
        average = EMA(trained, one.ema).weights
        state = Optimization(trained, one.optimizer).template()
        return {
            **{f"weights.{n}": torch.zeros_like(p.detach()) for n, p in trained.items()},
            **{f"average.{n}": torch.zeros_like(v) for n, v in average.items() if one.ema},
            **{f"optimizer.{n}": v for n, v in state.items()},
        }

    checkpoints = Checkpoints(Path(one.out), one, began_from(one, source.located, read))
    found = checkpoints.latest(lambda event: None, template)
    assert found is not None
    assert found.step == STEPS
    return found.tensors


def _apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Greatest difference of a weight or its average; where all is alike, of anything."""
    assert one.keys() == other.keys()
    apart = {name: float((one[name] - other[name]).abs().max()) for name in one}
    told = {name: value for name, value in apart.items() if not name.startswith("optimizer.")}
    return max(told.values()) or max(apart.values())


def _moved(kept: Mapping[str, Tensor]) -> float:
    weights = {n: t for n, t in kept.items() if n.startswith("weights.")}
    return max(float(value.abs().max()) for value in weights.values())


def _held_out(recipe: Recipe) -> list[float]:
    lines = (Path(recipe.out) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines if "held_out" in line]
    assert len(told) == 2
    return [value for one in told for name, value in one.items() if name.startswith("held_out")]


def _norms(recipe: Recipe) -> list[float]:
    lines = (Path(recipe.out) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line)["grad_norm"] for line in lines if "grad_norm" in line]
    assert len(told) == STEPS
    return told


def _film_apart(one: Recipe, other: Recipe) -> float:
    """Mean difference of the films that two runs showed, in levels of 255."""
    first, second = (
        np.concatenate(list(read_frames(Path(run.out) / f"films/step-{STEPS:07d}/room.mp4")))
        for run in (one, other)
    )
    return float(np.abs(first.astype(int) - second).mean())


KINDS: Mapping[str, Mapping[str, Any]] = {
    "full": {},
    "lora": {"train": "lora", "lora": {"rank": 3}, "checkpoint_activations": True},
    "both": {"train": "lora", "lora": {"rank": 3}, "expert": "both"},
    "muon": {"optimizer": {"kind": "muon", "lr": 0.001, "clip": 0.5}, "ema": 0.0},
}


@pytest.mark.parametrize(
    ("size", "ulysses", "kind"),
    [
        (2, 1, "full"),
        (2, 1, "muon"),
        (2, 2, "lora"),
        (4, 2, "full"),
        (4, 2, "both"),
    ],
)
def test_ranks_train_as_one_process_does(
    make: Make,
    alone: Callable[[str], Recipe],
    ranks: Forked,
    tmp_path: Path,
    size: int,
    ulysses: int,
    kind: str,
) -> None:
    parted = make("parted", **KINDS[kind], films=_showing(tmp_path), ulysses=ulysses)
    ranks.run(size, parted)
    for mine, its in zip(_read(parted).by_expert(), alone(kind).by_expert(), strict=True):
        expected = _kept(its)
        assert _moved(expected) > 0.01
        assert _apart(_kept(mine), expected) < NEAR
        assert _held_out(mine) == pytest.approx(_held_out(its), rel=3e-5)
        # The optimizer would not notice a gradient that is a multiple of what it should be.
        assert _norms(mine) == pytest.approx(_norms(its), rel=1e-3)
        # What differs in the last digits is no other picture; those of another seed are 60 apart.
        assert _film_apart(mine, its) < 8


def test_kept_on_four_and_gone_on_with_by_one(
    make: Make, alone: Callable[[str], Recipe], ranks: Forked
) -> None:
    stopped = make("stopped", ulysses=2)
    ranks.run(4, f"{stopped}:7")
    told: list[Event] = []
    train(_read(stopped), device="cpu", emit=told.append)
    assert any(isinstance(e, Warned) and "kept on 4 ranks" in e.message for e in told)
    assert _apart(_kept(_read(stopped)), _kept(alone("full"))) < NEAR


def test_killed_ranks_go_on_to_the_same_bits(make: Make, ranks: Forked) -> None:
    checkpoints = {"every": 3}
    whole = make("whole", checkpoints=checkpoints)
    killed = make("killed", checkpoints=checkpoints)
    ranks.run(2, whole)
    launch = ranks.start(2, killed)
    folder = Path(_read(killed).out) / "checkpoints"
    ends = time.monotonic() + 120
    while not list(folder.glob("step-*")) and time.monotonic() < ends:
        time.sleep(0.05)
    launch.kill()
    assert ranks.end(launch) == -signal.SIGKILL
    assert list(folder.glob("step-*"))
    ranks.run(2, killed)
    assert _apart(_kept(_read(killed)), _kept(_read(whole))) == 0
    # A flipped bit is seen, and the checkpoint before it used.
    newest = sorted(folder.glob("step-???????"))[-1]
    part = sorted(newest.glob("*.distcp"))[0]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 4
    part.write_bytes(bytes(data))
    ranks.run(2, killed)
    assert _apart(_kept(_read(killed)), _kept(_read(whole))) == 0
    assert list(folder.glob("*.damaged"))


def test_every_sample_is_one_ranks_and_all_make_as_many_passes() -> None:
    passes = [
        Pick(group=0, members=(4, 2, 7), epoch=0),
        Pick(group=1, members=(1,), epoch=0),
        Pick(group=0, members=(0, 3, 5, 6, 8), epoch=0),
    ]
    for parts in (1, 2, 3, 4, 7):
        all_of = [chunks(passes, parts, part) for part in range(parts)]
        assert len({len(mine) for mine in all_of}) == 1
        told = [
            (one.pick.group, member)
            for mine in all_of
            for one in mine
            if one.counts
            for member in one.pick.members
        ]
        assert sorted(told) == sorted((p.group, m) for p in passes for m in p.members)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"parts": ["text_encoder"]}, "parts"),
        ({"facts": 0.5}, "facts"),
        ({"compile": True}, "compile"),
    ],
)
def test_what_can_not_be_parted_is_refused_by_name(
    recipe: MakeRecipe, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(InputError, match=f"`{word}` can not be trained on several ranks"):
        refuse_undivided(recipe(**changes))
