"""AdamW that remembers in eight bits, in processes that see torchao: it lies beside the
environment, since diffusers would import it everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from holocine_core.errors import MachineError
from holocine_core.model.tiny import write_tiny
from holocine_core.train.run import train
from tests.forked import Forked
from tests.train.conftest import MakeRecipe, write_one

pytestmark = pytest.mark.slow
BESIDE = Path(sys.prefix) / "beside"
"""Where `make setup` installs what must not be seen by all."""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", experts=1)
    for number, lengths in enumerate(((5, 4), (9,), (1, 4, 4))):
        write_one(tmp_path / "samples", f"sample-{number}", lengths, number)
    return tmp_path


def make(home: Path, name: str, kind: str = "adamw-8bit") -> Path:
    settings = {
        "out": str(home / name),
        "model": {"folder": str(home / "model")},
        "precision": "float32",
        "optimizer": {"kind": kind, "lr": 0.003},
        "schedule": {"warm_up": 2},
        "phases": [{"steps": 8, "batch": 2, "data": str(home / "samples")}],
        "checkpoints": {"every": 100},
        "cache": str(home / "latents"),
    }
    path = home / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@pytest.fixture
def ranks(tmp_path: Path) -> Iterator[Forked]:
    forked = Forked("tests.train.ranks", tmp_path, {"PYTHONPATH": str(BESIDE)})
    yield forked
    forked.close()


def weights(home: Path, name: str) -> Mapping[str, Tensor]:
    return load_file(home / name / "model" / "transformer" / "diffusion_pytorch_model.safetensors")


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


@pytest.mark.skipif(not BESIDE.is_dir(), reason="make setup installs torchao beside")
def test_eight_bits_go_on_to_the_same_bits(recipes: Path, ranks: Forked) -> None:
    ranks.run(1, make(recipes, "whole"))
    ranks.run(1, f"{make(recipes, 'stopped')}:3")
    ranks.run(1, make(recipes, "stopped"))
    assert apart(weights(recipes, "whole"), weights(recipes, "stopped")) == 0
    ranks.run(1, make(recipes, "full", "adamw"))
    # It is another optimizer, and nearly the same.
    moved = apart(weights(recipes, "full"), load_start(recipes))
    assert 0 < apart(weights(recipes, "whole"), weights(recipes, "full")) < moved / 5
    kept = load_file(recipes / "whole" / "checkpoints" / "step-0000008.safetensors")
    assert {value.dtype for name, value in kept.items() if ".codes." in name} == {torch.uint8}


def load_start(home: Path) -> Mapping[str, Tensor]:
    return load_file(home / "model" / "transformer" / "diffusion_pytorch_model.safetensors")


@pytest.mark.skipif(not BESIDE.is_dir(), reason="make setup installs torchao beside")
def test_ranks_keep_their_own_and_are_not_parted_otherwise(recipes: Path, ranks: Forked) -> None:
    ranks.run(2, make(recipes, "whole"))
    ranks.run(2, f"{make(recipes, 'stopped')}:3")
    ranks.run(2, make(recipes, "stopped"))
    assert apart(weights(recipes, "whole"), weights(recipes, "stopped")) == 0
    alone = ranks.start(1, make(recipes, "stopped"))
    assert ranks.end(alone) == 1
    told = alone.log.read_text(encoding="utf-8")
    assert "kept on 2 ranks: what adamw-8bit remembers can't be parted among 1" in told


def test_without_torchao_the_remedy_is_told(recipe: MakeRecipe) -> None:
    with pytest.raises(MachineError, match="torchao is not installed") as refused:
        train(recipe(optimizer={"kind": "adamw-8bit"}), device="cpu")
    assert "holocine[torchao]" in refused.value.hint
