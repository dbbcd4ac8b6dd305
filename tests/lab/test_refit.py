"""A model on another codec's latents: exact where these are the old ones, turned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.lab.codec.refit import Affine, Settings, fit, moved, refit
from holocine_core.lab.stage.sample import JUDGE_SEEDS
from holocine_core.model.components import ComponentFiles, part_in_folder
from holocine_core.model.locate import locate_folder
from holocine_core.model.tiny import write_tiny
from holocine_core.model.weights import load_component
from holocine_core.train.checkpoints import RECIPE
from holocine_core.train.export import BEFORE, told_by
from tests.lab.test_codec import moving_disc

pytestmark = pytest.mark.slow

NANO = Path(__file__).parents[2] / "holocine_core" / "model" / "nano"
FEW = Settings(scenes=3, first_seed=0, height=32, width=48)


def rotation(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.linalg.qr(torch.randn(channels, channels, generator=generator))[0]


def velocity(network: Any, latents: Tensor, text: Tensor) -> Tensor:
    with torch.no_grad():
        told: Tensor = network(
            hidden_states=latents,
            timestep=torch.tensor([700.0]),
            encoder_hidden_states=text,
            return_dict=False,
        )[0]
    return told


def turned(turn: Tensor, latents: Tensor) -> Tensor:
    return torch.einsum("oi,bifhw->bofhw", turn, latents)


def test_an_affine_relation_is_found() -> None:
    x = torch.randn(200, 5)
    matrix, offset = torch.randn(3, 5), torch.randn(3)
    found = fit(x, x @ matrix.T + offset)
    torch.testing.assert_close(found.matrix, matrix, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.offset, offset, atol=1e-4, rtol=0)
    assert found.explained == pytest.approx(1)
    assert fit(x, torch.randn(200, 3)).explained < 0.2


def test_the_velocity_turns_with_the_latents() -> None:
    torch.manual_seed(0)
    network = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=6,
        out_channels=6,
        text_dim=8,
        freq_dim=16,
        ffn_dim=24,
        num_layers=2,
    ).eval()
    turn, zero = rotation(6), torch.zeros(6)
    other = moved(
        network,
        Affine(matrix=turn.T, offset=zero, explained=1.0),
        Affine(matrix=turn, offset=zero, explained=1.0),
    ).eval()
    latents, text = torch.randn(1, 6, 2, 4, 4), torch.randn(1, 5, 8)
    torch.testing.assert_close(
        velocity(other, turned(turn, latents), text),
        turned(turn, velocity(network, latents, text)),
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.fixture
def turned_codec(tmp_path: Path) -> Path:
    """nano's codec with its normalised latents turned."""
    vae = load_component(vae_of(NANO), torch.float32)
    mean, std = torch.tensor(vae.config.latents_mean), torch.tensor(vae.config.latents_std)
    turn = rotation(len(mean))
    with torch.no_grad():
        for layer in (vae.encoder.linear, vae.encoder.out):
            weight = torch.einsum("oi,i,ixyz->oxyz", turn, 1 / std, layer.weight)
            layer.weight = torch.nn.Parameter(weight)
            bias = layer.bias - (mean if layer is vae.encoder.linear else 0)
            layer.bias = torch.nn.Parameter(turn @ (bias / std))
    vae.register_to_config(latents_mean=[0.0] * len(mean), latents_std=[1.0] * len(mean))
    vae.save_pretrained(tmp_path / "codec")
    return tmp_path / "codec"


def vae_of(folder: Path) -> ComponentFiles:
    part = part_in_folder(folder / "vae", "vae", hint="")
    assert isinstance(part, ComponentFiles)
    return part


def test_a_folder_is_moved_whole(turned_codec: Path, tmp_path: Path) -> None:
    told: list[str] = []
    refit(NANO, turned_codec, tmp_path / "new", FEW, told.append, source=moving_disc)
    assert "100.0%" in told[0]
    old, new = (locate_folder(folder) for folder in (NANO, tmp_path / "new"))
    assert new.require() is None
    networks = [
        load_component(one.component("transformer"), torch.float32).eval() for one in (old, new)
    ]
    turn = rotation(old.spec.shape.latent_channels)
    latents = torch.randn(1, len(turn), 2, 4, 4)
    text = torch.randn(1, 5, networks[0].config.text_dim)
    expected = turned(turn, velocity(networks[0], latents, text))
    off = velocity(networks[1], turned(turn, latents), text) - expected
    assert float(off.norm() / expected.norm()) < 0.01
    kept = told_by(NANO / "transformer")
    made = told_by(tmp_path / "new" / "transformer")
    assert json.loads(made[RECIPE])["refit"]["scenes"] == 3
    assert json.loads(made[BEFORE])[-1]["holocine_recipe"] == json.loads(kept[RECIPE])


def test_a_codec_of_another_class_comes_with_its_name(turned_codec: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny", experts=1)
    out = tmp_path / "new"
    refit(tmp_path / "tiny", turned_codec, out, FEW, lambda line: None, source=moving_disc)
    located = locate_folder(out)
    assert (
        type(load_component(located.component("vae"), torch.float32)).__name__ == "AutoencoderFold"
    )
    network = load_component(located.component("transformer"), torch.float32)
    channels = locate_folder(NANO).spec.shape.latent_channels
    assert network.config.in_channels == network.config.out_channels == channels


def test_what_cannot_be_refitted_is_refused(turned_codec: Path, tmp_path: Path) -> None:
    def tried(model: Path, codec: Path, settings: Settings = FEW) -> None:
        refit(model, codec, tmp_path / "new", settings, lambda line: None, source=moving_disc)

    with pytest.raises(InputError, match="no codec"):
        tried(NANO, tmp_path / "nowhere")
    with pytest.raises(InputError, match="kept to measure by"):
        tried(NANO, turned_codec, Settings(first_seed=JUDGE_SEEDS))
    broken = shutil.copytree(NANO, tmp_path / "broken")
    shutil.rmtree(broken / "transformer")
    with pytest.raises(InputError):
        tried(broken, turned_codec)
    assert not (tmp_path / "new").exists()
