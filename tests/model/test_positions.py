"""Tokens that know their place: what Wan's transformer cannot tell, and what stays as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanPipeline, WanTransformer3DModel
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.model import on_disk
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.folders import locate_folder
from holocine_core.model.nano_net.positions import WAVES, PlacedWanTransformer3DModel, waves
from holocine_core.model.tiny import write_tiny
from holocine_core.model.weights import load_component
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.fresh import write_start
from holocine_core.train.recipe_start import Card, New
from tests.model.checkpoints import short_film

SHAPE: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 8,
    "freq_dim": 16,
    "ffn_dim": 24,
    "num_layers": 2,
}


@pytest.fixture
def networks() -> tuple[WanTransformer3DModel, PlacedWanTransformer3DModel]:
    """A plain transformer and one with the same weights that is told places."""
    torch.manual_seed(0)
    plain = WanTransformer3DModel(**SHAPE).eval()
    placed = PlacedWanTransformer3DModel(**SHAPE).eval()
    missing, unexpected = placed.load_state_dict(plain.state_dict(), strict=False)
    assert missing == ["patch_embedding.places.weight"]
    assert not unexpected
    return plain, placed


def velocity(network: Any, latents: Tensor) -> Tensor:
    context = ShotContext()
    install(network, context)
    tokens = latents.shape[3] * latents.shape[4] // 4
    shots = (LatentSpan(0, 1), LatentSpan(1, latents.shape[2]))
    context.layout = ShotLayout(shots=shots, frame_tokens=tokens, sparse=True)
    with torch.no_grad():
        out: Tensor = network(
            hidden_states=latents,
            timestep=torch.tensor([900.0]),
            encoder_hidden_states=torch.ones(1, 3, network.config.text_dim),
            return_dict=False,
        )[0]
    return out


def test_new_places_change_nothing(
    networks: tuple[WanTransformer3DModel, PlacedWanTransformer3DModel],
) -> None:
    plain, placed = networks
    latents = torch.randn(1, 4, 3, 6, 8)
    assert torch.equal(velocity(placed, latents), velocity(plain, latents))


def test_only_with_places_do_alike_tokens_differ(
    networks: tuple[WanTransformer3DModel, PlacedWanTransformer3DModel],
) -> None:
    plain, placed = networks
    torch.nn.init.normal_(placed.patch_embedding.places.weight)
    patch = torch.randn(1, 4, 1, 2, 2)
    latents = patch.repeat(1, 1, 3, 3, 4)

    def spread(network: Any) -> float:
        patches = velocity(network, latents).unfold(3, 2, 2).unfold(4, 2, 2)
        return float(patches.std(dim=(3, 4)).max())

    assert spread(plain) < 1e-6
    assert spread(placed) > 1e-2


def test_every_place_has_its_own_waves() -> None:
    known = waves(6, 10).flatten(0, 1)
    assert known.shape == (60, 2 * WAVES)
    assert torch.cdist(known, known).fill_diagonal_(9).min() > 0.1


def test_places_are_parts_of_the_picture_at_every_size() -> None:
    small, large = waves(3, 5), waves(9, 15)
    # The middle of a token lies in the middle of the nine that divide it.
    torch.testing.assert_close(large[1::3, 1::3], small)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new model that is told places, as training from nothing writes it."""
    home = tmp_path / "tiny"
    write_tiny(home, experts=1)
    card = Card.model_validate(
        {
            "name": "placed",
            "summary": "A test.",
            "licence": "Apache-2.0",
            "fps": 15,
            "max_frames": 81,
            "profiles": {
                "standard": {"width": 32, "height": 32, "steps": 2, "guidance": 1.0, "shift": 4.0}
            },
        }
    )
    new = New(
        codec=str(home / "vae"), text=str(home), heads=2, head_width=12, layers=2, ffn=24,
        frequencies=16, places=True, card=card,
    )  # fmt: skip
    write_start(new, tmp_path / "model", seed=0)
    return tmp_path / "model"


def test_a_folder_brings_its_class(folder: Path) -> None:
    network = load_component(locate_folder(folder).component("transformer"), torch.bfloat16)
    assert type(network) is PlacedWanTransformer3DModel
    places = network.patch_embedding.places.weight
    assert places.dtype == torch.bfloat16
    assert places.float().std() == pytest.approx(WAVES**-0.5, rel=0.2)


def test_diffusers_own_pipeline_films_with_it(folder: Path) -> None:
    on_disk.open_to_diffusers()
    pipeline = WanPipeline.from_pretrained(folder)
    assert type(pipeline.transformer) is PlacedWanTransformer3DModel
    film = short_film(pipeline)
    assert film.shape == (1, 5, 32, 48, 3)


def test_an_index_that_names_another_class_is_refused(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["transformer"] = ["diffusers", "WanTransformer3DModel"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="index names a WanTransformer3DModel"):
        locate_folder(folder)
