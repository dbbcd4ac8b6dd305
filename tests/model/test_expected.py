"""What a config describes, without torch: the very names and shapes of the network built by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_wan_transformer_to_diffusers,
    convert_wan_vae_to_diffusers,
)

from holocine_core.model.components import ComponentFiles
from holocine_core.model.expected import expected_shapes
from holocine_core.model.original_names import original_name
from holocine_core.model.release import CONFIGS
from holocine_core.model.spec import __file__ as spec_file
from holocine_core.model.weights import empty_network
from tests.model.checkpoints import golden_config

NANO = Path(spec_file).parent / "nano"
SECOND_VAE = {
    "_class_name": "AutoencoderKLWan", "base_dim": 4, "decoder_base_dim": 8, "z_dim": 6,
    "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "temperal_downsample": [False, True, True],
    "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "latents_mean": [0.0] * 6, "latents_std": [1.0] * 6,
}  # fmt: skip
PLAIN_TEXT = {"model_type": "umt5", "feed_forward_proj": "relu", "vocab_size": 9, "num_layers": 2}
CONFIGS_TRIED: dict[str, tuple[str, Any]] = {
    "14b": ("transformer", CONFIGS / "transformer" / "config.json"),
    "golden": ("transformer_2", golden_config()),
    "without a norm": ("transformer", {**golden_config(), "cross_attn_norm": False}),
    "nano": ("transformer", NANO / "transformer" / "config.json"),
    "wan 2.1's vae": ("vae", CONFIGS / "vae" / "config.json"),
    "wan 2.2's vae": ("vae", SECOND_VAE),
    "one block": ("vae", {"base_dim": 3, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1}),
    "nano's vae": ("vae", NANO / "vae" / "config.json"),
    "umt5-xxl": ("text_encoder", CONFIGS / "text_encoder" / "config.json"),
    "nano's text": ("text_encoder", NANO / "text_encoder" / "config.json"),
    "ungated": ("text_encoder", PLAIN_TEXT),
}


def network_of(part: str, config: dict[str, Any], folder: Path) -> dict[str, torch.Tensor]:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    files = ComponentFiles(name=part, form="diffusers", paths=(path,), config=path)
    state: dict[str, torch.Tensor] = empty_network(files).state_dict()
    return state


@pytest.mark.parametrize("name", CONFIGS_TRIED)
def test_the_tables_are_the_networks(name: str, tmp_path: Path) -> None:
    part, config = CONFIGS_TRIED[name]
    config = config if isinstance(config, dict) else json.loads(config.read_text())
    network = network_of(part, config, tmp_path)
    expected = expected_shapes(part, config)
    assert expected == {name: tuple(tensor.shape) for name, tensor in network.items()}


@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_original_names_are_those_that_diffusers_takes(part: str) -> None:
    config = json.loads((CONFIGS / part / "config.json").read_text())
    names = expected_shapes(part, config)
    original = {original_name(part, name): name for name in names}
    convert = (
        convert_wan_vae_to_diffusers if part == "vae" else convert_wan_transformer_to_diffusers
    )
    converted = convert({name: ours for name, ours in original.items()})
    assert len(original) == len(names)
    assert all(name == ours for name, ours in converted.items())
    assert converted.keys() == names.keys()
