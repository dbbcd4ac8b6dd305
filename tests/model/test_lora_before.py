"""LoRA files judged by their headers before anything is loaded: in the very words in which the
network itself would refuse them, and none that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from holocine_core.errors import InputError, Problem
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.fitting import misfit
from holocine_core.model.lora.numbers import unfit_numbers
from holocine_core.model.spec import MODELS
from tests.model.test_lora import BROKEN, IN_BLOCKS, comfy_style, network, pairs_for, written
from tests.model.test_lora_kinds import FAULTS, KINDS, NAMINGS, broken, file_and_merge

Q = "diffusion_model.blocks.0.self_attn.q"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> LocatedModel:
    """The network of the LoRA tests as a model's two experts."""
    home = tmp_path_factory.mktemp("experts")
    network().save_pretrained(home)
    parts = {
        name: ComponentFiles(
            name=name,
            form="diffusers",
            paths=(home / "diffusion_pytorch_model.safetensors",),
            config=home / "config.json",
        )
        for name in ("transformer", "transformer_2")
    }
    return LocatedModel(spec=MODELS["nano"], folder=home, components=parts)


def told(lora: LoraFile, located: LocatedModel) -> Problem | None:
    return misfit(lora, located) or unfit_numbers(lora, located)


def refusal(lora: LoraFile) -> str:
    """What the network itself says of a file; empty where it takes it."""
    try:
        apply_loras(network(), "transformer", [lora])
    except InputError as refused:
        return refused.message
    return ""


def of_a_lokr(fault: str) -> State:
    state: State = {}
    for original, inputs, outputs in IN_BLOCKS.values():
        keys, _ = KINDS["lokr, second low"](outputs, inputs)
        state |= {f"diffusion_model.{original}.{key}": value for key, value in keys.items()}
    return broken(state, fault)


MORE = {
    "two biases": {f"{Q}.lora_B.bias": torch.ones(24), f"{Q}.diff_b": torch.ones(24)},
    "a bias of another width": {f"{Q}.diff_b": torch.ones(12)},
    "a norm as a pair": {
        "diffusion_model.blocks.0.norm3.lora_down.weight": torch.ones(2, 24),
        "diffusion_model.blocks.0.norm3.lora_up.weight": torch.ones(24, 2),
    },
    "a table of another width": {"diffusion_model.blocks.0.diff_m": torch.ones(1, 6, 12)},
    "a table": {"diffusion_model.blocks.0.diff_m": torch.ones(1, 6, 24)},
    "an alpha of 0": {f"{Q}.alpha": torch.tensor(0.0)},
    "lengths": {f"{Q}.dora_scale": torch.ones(24, 1)},
    "lengths of another width": {f"{Q}.dora_scale": torch.ones(12, 1)},
}


def files(name: str, path: Path) -> LoraFile:
    """One of the files that the tests of LoRAs tell of."""
    if name == "nothing but alphas of 0":
        state = comfy_style(pairs_for(IN_BLOCKS, seed=1))
        state |= {key: torch.zeros(()) for key in state if key.endswith(".alpha")}
    elif name in MORE:
        state = comfy_style(pairs_for(IN_BLOCKS, seed=1)) | MORE[name]
    elif name in BROKEN:
        state = BROKEN[name][0](comfy_style(pairs_for(IN_BLOCKS, seed=1)))
    else:
        state = of_a_lokr(name)
    return LoraFile(path=written(path, state))


@pytest.mark.parametrize("name", [*BROKEN, *FAULTS, *MORE, "nothing but alphas of 0"])
def test_a_header_is_judged_as_the_network_does(
    name: str, located: LocatedModel, tmp_path: Path
) -> None:
    lora = files(name, tmp_path / "look.safetensors")
    said, problem = refusal(lora), told(lora, located)
    assert (problem is None) == (not said), (said, problem)
    if problem is not None:
        assert problem.where == str(lora.path)
        assert problem.message.startswith(said.split(";")[0])


@pytest.mark.parametrize(
    "header",
    ["[]", "{", '{"lora_alpha": "much"}', '{"lora_alpha": 1, "alpha_pattern": {"(": 2}}', "{}"],
)
def test_adapter_settings_are_judged_as_the_network_does(
    header: str, located: LocatedModel, tmp_path: Path
) -> None:
    name = "blocks.0.attn1.to_q"
    state = {f"{name}.lora_A.weight": torch.ones(2, 24), f"{name}.lora_B.weight": torch.ones(24, 2)}
    path = written(tmp_path / "look.safetensors", state, lora_adapter_metadata=header)
    said, problem = refusal(LoraFile(path=path)), told(LoraFile(path=path), located)
    assert said == ("" if problem is None else problem.message)
    assert bool(said) == (header != "{}")


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_network_takes_has_no_fault(
    kind: str, naming: str, located: LocatedModel, tmp_path: Path
) -> None:
    lora, _ = file_and_merge(tmp_path / "a.safetensors", kind, naming, 1.0)
    assert told(lora, located) is None
