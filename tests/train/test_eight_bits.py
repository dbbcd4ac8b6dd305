"""AdamW that remembers in eight bits, in processes that see torchao: it lies beside the
environment, since diffusers would import it everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from holocine_core.errors import MachineError
from holocine_core.model.tiny import write_tiny
from holocine_core.train.run import train
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


def run(recipe: str | Path, ranks: int = 1) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m"]
    if ranks > 1:
        command += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(BESIDE)}
    return subprocess.run(
        [*command, "tests.train.ranks", str(recipe)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def weights(home: Path, name: str) -> Mapping[str, Tensor]:
    return load_file(home / name / "model" / "transformer" / "diffusion_pytorch_model.safetensors")


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


@pytest.mark.skipif(not BESIDE.is_dir(), reason="make setup installs torchao beside")
def test_eight_bits_go_on_to_the_same_bits(recipes: Path) -> None:
    for name in ("whole", "stopped:3", "stopped"):
        stem, _, steps = name.partition(":")
        done = run(f"{make(recipes, stem)}:{steps}" if steps else make(recipes, stem))
        assert done.returncode == 0, done.stderr[-3000:]
    assert apart(weights(recipes, "whole"), weights(recipes, "stopped")) == 0
    assert run(make(recipes, "full", "adamw")).returncode == 0
    # It is another optimizer, and nearly the same.
    moved = apart(weights(recipes, "full"), load_start(recipes))
    assert 0 < apart(weights(recipes, "whole"), weights(recipes, "full")) < moved / 5
    kept = load_file(recipes / "whole" / "checkpoints" / "step-0000008.safetensors")
    assert {value.dtype for name, value in kept.items() if ".codes." in name} == {torch.uint8}


def load_start(home: Path) -> Mapping[str, Tensor]:
    return load_file(home / "model" / "transformer" / "diffusion_pytorch_model.safetensors")


@pytest.mark.skipif(not BESIDE.is_dir(), reason="make setup installs torchao beside")
def test_ranks_keep_their_own_and_are_not_parted_otherwise(recipes: Path) -> None:
    for name in ("whole", "stopped:3", "stopped"):
        stem, _, steps = name.partition(":")
        done = run(f"{make(recipes, stem)}:{steps}" if steps else make(recipes, stem), ranks=2)
        assert done.returncode == 0, done.stderr[-3000:]
    assert apart(weights(recipes, "whole"), weights(recipes, "stopped")) == 0
    alone = run(make(recipes, "stopped"))
    assert alone.returncode != 0
    assert "kept on 2 ranks: what adamw-8bit remembers can't be parted among 1" in alone.stderr


def test_without_torchao_the_remedy_is_told(recipe: MakeRecipe) -> None:
    with pytest.raises(MachineError, match="torchao is not installed") as refused:
        train(recipe(optimizer={"kind": "adamw-8bit"}), device="cpu")
    assert "holocine[torchao]" in refused.value.hint
