"""LoRA files as values: fingerprints of their content, and refusals before a network is loaded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from holocine_core.errors import InputError
from holocine_core.model.lora.file import LoraFile, check_lora_files, lora_hash


def written(path: Path, layer: str = "diffusion_model.blocks.0.self_attn.q") -> Path:
    """A small LoRA of one layer."""
    down, up = torch.full((2, 24), 0.5), torch.full((24, 2), 0.25)
    save_file({f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}, path)
    return path


def test_fingerprints_follow_the_content(tmp_path: Path) -> None:
    one = LoraFile(path=written(tmp_path / "a.safetensors"))
    same = LoraFile(path=written(tmp_path / "b.safetensors"), weight=0.2, expert="low")
    other = LoraFile(path=written(tmp_path / "c.safetensors", layer="diffusion_model.head.head"))
    assert lora_hash(one) == lora_hash(same) != lora_hash(other)
    with pytest.raises(InputError, match="cannot be read"):
        lora_hash(LoraFile(path=tmp_path / "d.safetensors"))


def test_files_are_checked_without_a_network(tmp_path: Path) -> None:
    good = LoraFile(path=written(tmp_path / "good.safetensors"))
    check_lora_files([replace(good, expert="high"), replace(good, expert="low")], experts=2)
    pickle, renamed = tmp_path / "a.pt", tmp_path / "b.safetensors"
    torch.save({"lora_A.weight": torch.ones(2, 2)}, pickle)
    renamed.write_bytes(pickle.read_bytes())
    whole = tmp_path / "c.safetensors"
    save_file({"blocks.0.attn1.to_q.weight": torch.ones(2, 2)}, whole)
    wrong = {
        "does not exist": LoraFile(path=tmp_path / "none.safetensors"),
        "is not a file": LoraFile(path=tmp_path),
        "'.pt' file; only .safetensors": LoraFile(path=pickle),
        "not a whole safetensors file": LoraFile(path=renamed),
        "holds no LoRA matrices": LoraFile(path=whole),
        "changes nothing": replace(good, weight=0.0),
        "is not a number": replace(good, weight=float("nan")),
        "given twice for the high-noise expert": good,
    }
    with pytest.raises(InputError) as caught:
        check_lora_files([good, *wrong.values()], experts=2)
    problems = caught.value.problems
    assert len(problems) == len(wrong)
    for (message, lora), problem in zip(wrong.items(), problems, strict=True):
        assert message in problem.message
        assert problem.where == str(lora.path)
        assert problem.hint
    with pytest.raises(InputError, match="no low-noise expert"):
        check_lora_files([replace(good, expert="low")], experts=1)


def test_checking_files_wakes_no_torch() -> None:
    code = "import sys, holocine_core.model.lora.file; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
