"""Small runs: a random model with one expert, six clips of 32x32, seconds on one thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holocine_core.lab.samples import write_sample
from holocine_core.model.tiny import write_tiny
from holocine_core.script.screenplay import Screenplay
from holocine_core.train.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
SIDE = 32
LAYOUTS = ((5, 4), (5, 4), (5, 4), (9,), (9,), (1, 4, 4))
"""Shot lengths in frames of each sample."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline folder with random weights."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    write_tiny(folder, experts=1)
    return folder


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of samples in three layouts of shots."""
    return write_samples(tmp_path_factory.mktemp("samples"), 0)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other samples, which no phase trains on."""
    return write_samples(tmp_path_factory.mktemp("kept"), 100)


def write_samples(folder: Path, first: int) -> Path:
    for number, lengths in enumerate(LAYOUTS):
        write_one(folder, f"sample-{number}", lengths, first + number)
    return folder


def write_one(
    folder: Path,
    name: str,
    lengths: tuple[int, ...],
    seed: int = 0,
    *,
    fps: int = 15,
    width: int = SIDE,
) -> Path:
    rng = np.random.default_rng(seed)
    shots = [
        np.broadcast_to(rng.integers(0, 255, (1, 1, 1, 3), np.uint8), (n, SIDE, width, 3))
        for n in lengths
    ]
    texts = [{"prompt": f"Shot {i} of number {seed}.", "frames": n} for i, n in enumerate(lengths)]
    scene = {"global": f"A red room, number {seed}.", "shots": texts}
    screenplay = Screenplay.model_validate_json(json.dumps({"scenes": [scene]}))
    return write_sample(folder, name, screenplay, np.concatenate(shots), fps)


def new_model(folder: Path) -> dict[str, object]:
    """A recipe's `model:` from the parts of a finished model."""
    profile = {"width": 32, "height": 32, "steps": 2, "guidance": 2.0, "shift": 3.0}
    return {
        "new": {
            "codec": str(folder / "vae"),
            "text": str(folder),
            "heads": 1,
            "head_width": 16,
            "layers": 1,
            "ffn": 32,
            "card": {
                "name": "small",
                "summary": "For a test.",
                "licence": "none",
                "profiles": {"standard": profile},
            },
        }
    }


@pytest.fixture
def recipe(
    model: Path, samples: Path, kept: Path, tmp_path: Path, tmp_path_factory: Any
) -> MakeRecipe:
    """Makes a recipe of a few steps on the samples; keywords replace its keys."""
    cache = tmp_path_factory.getbasetemp() / "latents"

    def make(**changes: Any) -> Recipe:
        phase = {"size": f"{SIDE}x{SIDE}", "steps": 6, "batch": 2, "data": str(samples)}
        settings: dict[str, Any] = {
            "out": str(tmp_path / "run"),
            "seed": 7,
            "model": {"folder": str(model)},
            "precision": "float32",
            "schedule": {"warm_up": 2},
            "optimizer": {"lr": 0.01},
            "phases": [phase],
            "held_out": {"every": 3, "data": str(kept), "bins": 2},
            "checkpoints": {"every": 2},
            "cache": str(cache),
        }
        settings |= changes
        settings["checkpoints"] = {"best": False, **settings["checkpoints"]}
        settings["phases"] = [phase | one for one in settings["phases"]]
        return Recipe.model_validate(settings, strict=False)

    return make
