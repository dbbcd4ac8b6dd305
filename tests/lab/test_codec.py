"""The codec's training: a linear beginning, a learned rest, on small moving shapes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.lab.codec.blocks import Blocks, Crops, gather, vectors
from holocine_core.lab.codec.recipe import CodecRecipe, CodecShape, Pictures
from holocine_core.lab.codec.start import begin
from holocine_core.lab.codec.train import (
    MEASURED,
    fit,
    measure,
    normalise,
    psnr,
    start,
    train_codec,
)
from holocine_core.model.components import ComponentFiles, part_in_folder
from holocine_core.model.nano_net.codec import AutoencoderFold, fold
from holocine_core.model.spec import FOLD_STRIDE
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames
from holocine_core.shipped.names import CODECS
from holocine_core.train.recipe_file import read_recipe

pytestmark = pytest.mark.slow


@cache
def moving_disc(seed: int, height: int, width: int) -> Tensor:
    """Seventeen frames of a flat disc that crosses a gradient, colours and way by the seed."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(3, 3, 1, 1, 1, generator=generator)
    x0, y0, dx, dy, radius = torch.rand(5, generator=generator).tolist()
    time = torch.linspace(0, 1, 17).view(-1, 1, 1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    off_x = x / width - x0 - (dx - 0.5) * time
    off_y = y / height - y0 - (dy - 0.5) * time
    cover = ((0.15 + 0.2 * radius - torch.hypot(off_x, off_y)) * height + 0.5).clamp(0, 1)
    fall = (y / height).expand_as(cover)
    rgb = colours[0] + (colours[1] - colours[0]) * fall
    rgb = rgb * (1 - cover) + colours[2] * cover
    return (rgb * 255).round().to(torch.uint8).permute(1, 2, 3, 0)


def small(out: Path, steps: int = 60, **changes: object) -> CodecRecipe:
    return CodecRecipe.model_validate(
        {
            "out": str(out),
            "shape": CodecShape(
                z_dim=8, encoder_widths=(32, 16), decoder_widths=(32, 16, 16),
                decoder_blocks=(1, 1, 1),
            ),
            "pictures": (Pictures(size="48x32", scenes=24), Pictures(size="32x32", scenes=8)),
            "crop": "32x32",
            "steps": steps,
            "batch": 4,
            "warm_up": 5,
            "ema": 0.9,
            "precision": "float32",
            "held_out": 3,
            **changes,
        }
    )  # fmt: skip


def drawn(recipe: CodecRecipe) -> list[Blocks]:
    return [gather(p, source=moving_disc, workers=0) for p in recipe.pictures]


def test_kept_blocks_lie_on_the_grid_of_their_clip() -> None:
    blocks = gather(Pictures(size="48x32", scenes=1, keep=2), source=moving_disc, workers=0)
    clip = moving_disc(0, 32, 48).permute(3, 0, 1, 2)
    possible = [clip[:, start : start + 4] for start in (1, 5, 9, 13)]
    for kept in blocks.pixels:
        assert any(torch.equal(kept, one) for one in possible)
    assert not torch.equal(*blocks.pixels)


def test_scenes_begin_at_their_first_seed() -> None:
    later = gather(Pictures(size="32x32", scenes=1, first_seed=3), source=moving_disc, workers=0)
    all_of_them = gather(Pictures(size="32x32", scenes=4), source=moving_disc, workers=0)
    assert torch.equal(later.pixels, all_of_them.pixels[-4:])


def test_a_process_draws_the_same() -> None:
    pictures = Pictures(size="32x32", scenes=3)
    one, other = (gather(pictures, source=moving_disc, workers=n) for n in (1, 0))
    assert torch.equal(one.pixels, other.pixels)


def test_crops_hold_what_the_pictures_hold(tmp_path: Path) -> None:
    blocks = drawn(small(tmp_path))[:1]
    one, again = (Crops(blocks, (16, 24), seed=1).batch(6) for _ in range(2))
    assert one.shape == (6, 3, 4, 16, 24)
    assert torch.equal(one, again)
    colours = {tuple(c) for c in blocks[0].pixels.permute(0, 2, 3, 4, 1).reshape(-1, 3).tolist()}
    seen = ((one + 1) * 127.5).round().int().permute(0, 2, 3, 4, 1).reshape(-1, 3)
    assert {tuple(c) for c in seen.tolist()} <= colours


def test_all_components_give_the_picture_back() -> None:
    """With as many channels as a block has numbers, nothing is lost on the way."""
    network = AutoencoderFold(768, (8, 8), (8, 8, 8), (0, 0, 0)).eval()
    noise = torch.rand(2, 12, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    many = torch.rand(3000, 768, generator=torch.Generator().manual_seed(1)) * 2 - 1
    begin(network, many, seed=0)
    with torch.no_grad():
        assert float((network.decoder(network.encoder(noise)) - noise).abs().max()) < 0.01


def test_the_beginning_is_the_best_linear_codec(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    blocks = drawn(recipe)[:1]
    network = start(recipe, blocks)
    pixels = fold(blocks[0].pixels.float() / 127.5 - 1)
    with torch.no_grad():
        error = (network.decoder(network.encoder(pixels)) - pixels).square().mean()
    rows = torch.nn.functional.pixel_unshuffle(pixels, FOLD_STRIDE).flatten(2).permute(0, 2, 1)
    rows = rows.flatten(0, 1)
    spectrum = torch.linalg.svdvals(rows - rows.mean(0)).square()
    lost = spectrum[recipe.shape.z_dim :].sum() / rows.numel()
    # The components come from a sample of the blocks.
    assert float(lost) * 0.999 <= float(error) <= float(lost) * 1.05


def test_channels_vary_alike_at_first(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    blocks = drawn(recipe)
    network = start(recipe, blocks)
    normalise(network, blocks)
    spreads = torch.tensor(network.config["latents_std"])
    assert float(spreads.max() / spreads.min()) < 3
    rows = vectors(blocks, FOLD_STRIDE, 4000, 0)
    loudest = torch.linalg.svdvals(rows - rows.mean(0))[: recipe.shape.z_dim]
    assert float(loudest[0] / loudest[-1]) > 5, "the components themselves do not"


def test_training_learns_what_the_linear_codec_cannot(tmp_path: Path) -> None:
    shape = {
        "z_dim": 4, "encoder_widths": (64, 32), "decoder_widths": (48, 32, 24),
        "decoder_blocks": (1, 1, 1),
    }  # fmt: skip
    pictures = (Pictures(size="48x32", scenes=60),)
    recipe = small(tmp_path, steps=200, lr=4e-3, shape=shape, pictures=pictures)
    blocks = drawn(recipe)
    network = start(recipe, blocks)
    before = measure(network, 32, 48, 4, source=moving_disc)
    fit(network, recipe, blocks, lambda line: None)
    assert measure(network, 32, 48, 4, source=moving_disc) > before + 0.3


def test_latents_are_normalised_afterwards(tmp_path: Path) -> None:
    recipe = small(tmp_path, steps=5)
    blocks = drawn(recipe)[:1]
    network = start(recipe, blocks)
    fit(network, recipe, blocks, lambda line: None)
    normalise(network, blocks)
    rows = []
    for pixels in blocks[0].pixels:
        frames = pixels.permute(1, 2, 3, 0)
        # The codec's first latent frame is one frame: the block comes second.
        clip = torch.cat([frames[:1], frames]).numpy()
        rows.append(encode_frames(network, clip)[0, :, 1].flatten(1))
    latents = torch.cat(rows, 1)
    assert latents.mean(1).abs().max() < 0.01
    assert (latents.std(1) - 1).abs().max() < 0.01


def test_a_run_leaves_a_codec_that_loads(tmp_path: Path) -> None:
    recipe = small(tmp_path / "out", steps=3)
    said: list[str] = []
    train_codec(recipe, said.append, source=moving_disc, workers=0)
    files = part_in_folder(tmp_path / "out", "vae", hint="")
    assert isinstance(files, ComponentFiles)
    loaded = load_component(files, torch.float32)
    measured = json.loads((tmp_path / "out" / MEASURED).read_text())
    found = measure(loaded, 32, 48, recipe.held_out, source=moving_disc)
    assert measured["psnr"]["48x32"] == found
    assert measured["psnr"].keys() == {"48x32", "32x32"}
    assert CodecRecipe.model_validate_json(json.dumps(measured["recipe"])) == recipe
    assert said


def test_the_same_recipe_gives_the_same_weights(tmp_path: Path) -> None:
    states = []
    for name in "ab":
        recipe = small(tmp_path / name, steps=2)
        states.append(train_codec(recipe, lambda line: None, source=moving_disc, workers=0))
    for one, other in zip(*(s.state_dict().values() for s in states), strict=True):
        assert torch.equal(one, other)


def test_noise_on_the_latents_costs_quality(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    network = start(recipe, blocks := drawn(recipe))
    normalise(network, blocks)
    found = [measure(network, 32, 48, 3, source=moving_disc, noise=n) for n in (0, 0.1, 0.4)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[2] + 1


def test_psnr_of_a_known_error() -> None:
    clip = torch.full((5, 8, 8, 3), 100, dtype=torch.uint8)
    off = clip + 25
    assert psnr(off, clip) == pytest.approx(20 * np.log10(255 / 25))


def test_crops_off_the_grid_of_latents_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "out: x\nsteps: 3\ncrop: 60x64\npictures:\n  - {size: 160x96, scenes: 8}\n", "utf-8"
    )
    with pytest.raises(InputError, match="60x64 is no multiple of 8"):
        read_recipe(path, CodecRecipe)


def test_the_shipped_recipe_reads() -> None:
    recipe = read_recipe(CODECS.files()["nano-codec"], CodecRecipe)
    assert {p.size for p in recipe.pictures} == {"160x96", "224x128"}


def test_a_decoder_is_trained_further_beside_its_encoder(tmp_path: Path) -> None:
    def quiet(line: str) -> None:
        return None

    # The first is left unfinished, so that going on gains far more than chance.
    first = train_codec(small(tmp_path / "one", 6), quiet, source=moving_disc, workers=0)
    again = small(tmp_path / "two", start=str(tmp_path / "one"), seed=5)
    further = train_codec(again, quiet, source=moving_disc, workers=0)
    for name, value in first.state_dict().items():
        assert torch.equal(value, further.state_dict()[name]) == name.startswith("encoder."), name
    assert further.config["latents_std"] == first.config["latents_std"]
    before, after = (measure(n, 32, 32, 3, source=moving_disc) for n in (first, further))
    assert after > before
    with pytest.raises(InputError, match="no codec to go on from"):
        train_codec(
            small(tmp_path / "three", start=str(tmp_path)), quiet, source=moving_disc, workers=0
        )
