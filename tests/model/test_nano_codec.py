"""The embedded model's codec: its grid, its streaming, its independence, and how it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from holocine_core.errors import InputError, MachineError
from holocine_core.model import on_disk
from holocine_core.model.decode_cost import decode_flops, vae_decode_bytes
from holocine_core.model.locate import find_model
from holocine_core.model.nano_net.codec import AutoencoderFold, fold, unfold
from holocine_core.model.spec import FoldShape
from holocine_core.model.tiny import write_tiny
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import decode_latents, encode_frames, to_frames
from tests.model.checkpoints import short_film
from tests.model.device_bytes import LiveBytes

CHANNELS = 16


def random_codec(seed: int = 0) -> AutoencoderFold:
    """A small codec all of whose layers take part."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoencoderFold(
            CHANNELS,
            encoder_widths=(24, 16),
            decoder_widths=(16, 12, 8),
            decoder_blocks=(1, 1, 1),
            latents_mean=[0.1 * i for i in range(CHANNELS)],
            latents_std=[1 + 0.1 * i for i in range(CHANNELS)],
        )
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return network.eval().requires_grad_(False)


def clip(frames: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, frames, 32, 48, generator=generator) * 2 - 1


def encoded(network: AutoencoderFold, pixels: Tensor) -> Tensor:
    latents: Tensor = network.encode(pixels).latent_dist.mode()
    return latents


@pytest.mark.parametrize(("frames", "latent"), [(1, 1), (5, 2), (13, 4)])
def test_clips_lie_on_the_grid(frames: int, latent: int) -> None:
    network = random_codec()
    latents = encoded(network, clip(frames))
    assert latents.shape == (1, CHANNELS, latent, 4, 6)
    assert network.decode(latents).sample.shape == (1, 3, frames, 32, 48)


@pytest.mark.parametrize("frames", [2, 4, 12])
def test_clips_off_the_grid_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match="4t\\+1"):
        random_codec().encode(clip(frames))


def test_other_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="8x8"):
        AutoencoderFold(scale_factor_spatial=16)


def test_folding_can_be_undone() -> None:
    frames = clip(4)
    assert torch.equal(unfold(fold(frames)), frames)


def test_the_first_frame_stands_still() -> None:
    still = clip(1).expand(-1, -1, 5, -1, -1)
    latents = encoded(random_codec(), still)
    assert torch.equal(latents[:, :, 0], latents[:, :, 1])


def test_nothing_passes_a_cut() -> None:
    network = random_codec()
    first, second, other = clip(9), clip(12, seed=1), clip(12, seed=2)
    a, b = (encoded(network, torch.cat([first, end], 2)) for end in (second, other))
    assert torch.equal(a[:, :, :3], b[:, :, :3]), "of the first shot's latents"
    assert not torch.equal(a[:, :, 3], b[:, :, 3])
    frames = [network.decode(latents).sample for latents in (a, b)]
    assert torch.equal(frames[0][:, :, :9], frames[1][:, :, :9])
    assert not torch.equal(frames[0][:, :, 9], frames[1][:, :, 9])


def test_streamed_frames_are_those_of_decode() -> None:
    network = random_codec()
    latents = torch.randn(1, CHANNELS, 4, 4, 6, generator=torch.Generator().manual_seed(3))
    chunks = list(decode_latents(network, latents))
    assert [len(chunk) for chunk in chunks] == [1, 4, 4, 4]
    mean, std = (
        torch.tensor(network.config[name]).view(1, -1, 1, 1, 1)
        for name in ("latents_mean", "latents_std")
    )
    whole = to_frames(network.decode(latents * std + mean).sample[0])
    assert np.array_equal(np.concatenate(chunks), whole)


def test_what_is_encoded_is_normalised_by_the_config() -> None:
    network = random_codec()
    frames = to_frames(clip(5)[0])
    latents = encode_frames(network, frames)
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 127.5 - 1
    again = latents[:, 3] * network.config["latents_std"][3] + network.config["latents_mean"][3]
    torch.testing.assert_close(again, encoded(network, pixels)[:, 3])


class TestInAPipeline:
    """A model folder whose VAE it is."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "model"
        write_tiny(folder, experts=1)
        for old in (folder / "vae").iterdir():
            old.unlink()
        random_codec().save_pretrained(folder / "vae")
        entry = ["holocine_core.model.autoencoder", "AutoencoderFold"]
        self.edit(folder / "model_index.json", vae=entry)
        return folder

    @staticmethod
    def edit(path: Path, **changes: Any) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def test_it_is_found_and_loaded(self, folder: Path) -> None:
        located = find_model(str(folder))
        assert located.spec.vae == FoldShape(
            latent_channels=CHANNELS, widths=(16, 12, 8), blocks=(1, 1, 1)
        )
        loaded = load_component(located.component("vae"), torch.bfloat16)
        assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
        latents = torch.ones(1, CHANNELS, 2, 4, 6)
        assert torch.equal(loaded.decode(latents).sample, random_codec().decode(latents).sample)

    def test_diffusers_itself_opens_it(self, folder: Path) -> None:
        """Its index names the class as films and models on disk do, not as the code does now."""
        on_disk.open_to_diffusers()
        pipeline = WanPipeline.from_pretrained(folder, local_files_only=True)
        assert isinstance(pipeline.vae, AutoencoderFold)

    def test_a_missing_weight_is_refused(self, folder: Path) -> None:
        path = folder / "vae" / "diffusion_pytorch_model.safetensors"
        state = load_file(path)
        del state["decoder.head.weight"]
        save_file(state, path)
        with pytest.raises(MachineError, match=r"decoder\.head\.weight is missing"):
            load_component(find_model(str(folder)).component("vae"), torch.float32)

    @pytest.mark.parametrize(
        ("file", "change", "says"),
        [
            ("vae/config.json", {"decoder_widths": [16, 12]}, "decoder_widths can't be"),
            ("vae/config.json", {"z_dim": 8}, "z_dim is 8"),
            ("vae/config.json", {"scale_factor_temporal": 8}, "temporal is 8 and must be 4"),
            ("model_index.json", {"vae": ["diffusers", "AutoencoderKLWan"]}, "index names a"),
            ("model_index.json", {"vae": ["diffusers", "AutoencoderKL"]}, "or AutoencoderFold"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, file: str, change: dict[str, Any], says: str, folder: Path
    ) -> None:
        self.edit(folder / file, **change)
        with pytest.raises(InputError, match=says) as raised:
            find_model(str(folder))
        assert raised.value.where

    def test_diffusers_own_pipeline_films_with_it(self, folder: Path) -> None:
        on_disk.open_to_diffusers()
        from diffusers import WanPipeline

        pipeline = WanPipeline.from_pretrained(folder)
        assert type(pipeline.vae) is AutoencoderFold
        film = short_film(pipeline)
        assert film.shape == (1, 5, 32, 48, 3)
        assert film.std() > 0


SHAPES = [
    ((192, 96, 48), (2, 2, 1)),
    ((64, 32, 16), (1, 0, 1)),
    ((256, 200, 96), (1, 1, 0)),
    ((16, 512, 16), (1, 1, 0)),
    ((16, 16, 256), (1, 1, 1)),
]


@pytest.mark.parametrize(("widths", "blocks"), SHAPES)
def test_decoding_costs_what_is_estimated(
    widths: tuple[int, int, int], blocks: tuple[int, int, int]
) -> None:
    shape = FoldShape(latent_channels=24, widths=widths, blocks=blocks)
    with torch.device("meta"):
        network = AutoencoderFold(24, (8, 8), widths, blocks)
        latents = torch.empty(1, 24, 3, 6, 4)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.decode(latents)
    assert decode_flops(32, 48, 3, shape) == counter.get_total_flops()
    with torch.no_grad(), LiveBytes() as live:
        network.decode_frame(latents[:, :, 1], first=False)
    assert vae_decode_bytes(32, 48, shape) == pytest.approx(live.peak, rel=0.03)
