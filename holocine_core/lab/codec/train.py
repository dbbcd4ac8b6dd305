"""Train a codec on drawn scenes: ``holocine lab codec RECIPE``.

It begins as the best linear codec and learns what that one can't: edges and motion.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.lab.codec.blocks import Blocks, Crops, Draw, draw_short, gather, vectors
from holocine_core.lab.codec.recipe import CodecLoss, CodecRecipe
from holocine_core.lab.codec.start import begin
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.components import MissingFile, part_in_folder
from holocine_core.model.nano_net.codec import AutoencoderFold, fold
from holocine_core.model.spec import FOLD_STRIDE
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import decode_latents, encode_frames
from holocine_core.store.files import replace_folder, write_json
from holocine_core.store.vault import disk_errors
from holocine_core.train.optim import EMA, learning_rate
from holocine_core.train.recipe import Schedule

Tell = Callable[[str], None]
MEASURED = "measured.json"
_VECTORS = 30_000
"""Blocks whose statistics the beginning is made from."""
_AT_ONCE = 16
"""Latent frames in one pass where nothing is learned."""
_CLIP = 1.0
_TOLD_EVERY = 20.0


def train_codec(
    recipe: CodecRecipe, tell: Tell, *, source: Draw = draw_short, workers: int | None = None
) -> AutoencoderFold:
    """Train a codec and write it to ``recipe.out``.

    Args:
        recipe: The run.
        tell: Receives a line now and then.
        source: What draws; see :func:`gather`.
        workers: Processes that draw; see :func:`gather`.
    """
    tell("drawing")
    blocks = [gather(p, source=source, workers=workers) for p in recipe.pictures]
    tell(f"{sum(len(b.pixels) for b in blocks)} latent frames to learn from")
    network = start(recipe, blocks)
    fit(network, recipe, blocks, tell)
    if recipe.start is None:
        normalise(network, blocks)
    measured = {
        p.size: measure(network, p.height, p.width, recipe.held_out, source=source)
        for p in recipe.pictures
    }
    save(network, recipe, measured)
    tell(json.dumps(measured))
    return network


def start(recipe: CodecRecipe, blocks: Sequence[Blocks]) -> AutoencoderFold:
    """The codec to go on from, or an untrained one as good as a linear one can be.

    Raises:
        InputError: There is no codec in the folder to go on from.
    """
    if recipe.start is not None:
        return _opened(Path(recipe.start))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network: AutoencoderFold = AutoencoderFold(**recipe.shape.model_dump())
    begin(network, vectors(blocks, FOLD_STRIDE, _VECTORS, recipe.seed), recipe.seed)
    return network


def _opened(folder: Path) -> AutoencoderFold:
    hint = "give the folder that a codec was written to"
    part = part_in_folder(folder, "vae", hint=hint)
    if isinstance(part, MissingFile):
        raise InputError("there is no codec to go on from", where=str(part.path), hint=hint)
    network: AutoencoderFold = load_component(part, torch.float32)
    if not isinstance(network, AutoencoderFold):
        raise InputError(
            f"an AutoencoderFold is trained here, no {type(network).__name__}",
            where=str(folder),
            hint=hint,
        )
    for parameter in network.parameters():
        # What was loaded still lies in its file.
        parameter.data = parameter.data.clone()
    network.decoder.requires_grad_(True)
    opened: AutoencoderFold = network
    return opened


def fit(
    network: AutoencoderFold, recipe: CodecRecipe, blocks: Sequence[Blocks], tell: Tell
) -> None:
    """Train for the recipe's steps; the averaged weights are in place afterwards."""
    network.train().to(memory_format=torch.channels_last)
    parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
    slow = [p for name, p in parameters.items() if ".linear." in name]
    fast = [p for name, p in parameters.items() if ".linear." not in name]
    optimizer = torch.optim.Adam(
        [{"params": fast, "share": 1.0}, {"params": slow, "share": recipe.linear}],
        lr=recipe.lr,
        betas=(0.9, 0.99),
    )
    schedule = Schedule(warm_up=recipe.warm_up, decay=recipe.decay)
    average = EMA(parameters, recipe.ema)
    width, height = map(int, recipe.crop.split("x"))
    crops = Crops(blocks, (height, width), recipe.seed)
    noise = torch.Generator().manual_seed(recipe.seed)
    bf16 = computes_bf16(recipe.precision, torch.device("cpu"))
    told = time.monotonic()
    for step in range(recipe.steps):
        frames = fold(crops.batch(recipe.batch)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            decoded = through(network, frames, recipe.loss.noise, noise)
        loss = loss_of(decoded.float(), frames, recipe.loss)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        for group in optimizer.param_groups:
            rate = learning_rate(step, recipe.steps, recipe.lr, schedule)
            group["lr"] = rate * group["share"]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.follow(step + 1)
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            tell(f"step {step + 1} of {recipe.steps}, loss {loss.item():.5f}")
    average.swap()
    network.eval()


def through(
    network: AutoencoderFold, frames_BCHW: Tensor, spread: float, generator: torch.Generator
) -> Tensor:
    """Folded frames through both ways, with noise on the latents in between."""
    latents = network.encoder(frames_BCHW)
    if spread:
        # Noise grows with its channel, so that nothing is gained by louder latents.
        unit = latents.detach().float().std(dim=(0, 2, 3), keepdim=True)
        noise = torch.randn(latents.shape, generator=generator)
        latents = latents + spread * unit * noise
    decoded: Tensor = network.decoder(latents)
    return decoded


def loss_of(decoded: Tensor, frames: Tensor, weights: CodecLoss) -> Tensor:
    """The recipe's mixture over all pixels."""
    off = decoded - frames
    steps = (off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()) / 2
    squared, absolute = off.square().mean(), off.abs().mean()
    return weights.squared * squared + weights.absolute * absolute + weights.edges * steps


@torch.no_grad()
def normalise(network: AutoencoderFold, blocks: Sequence[Blocks]) -> None:
    """Write every latent channel's mean and spread over ``blocks`` into the config."""
    count, total, squares = 0, 0.0, 0.0
    for block in blocks:
        for first in range(0, len(block.pixels), _AT_ONCE):
            part = block.pixels[first : first + _AT_ONCE]
            latents = network.encoder(fold(part.float() / 127.5 - 1)).double()
            count += latents.numel() // latents.shape[1]
            total = total + latents.sum(dim=(0, 2, 3))
            squares = squares + latents.square().sum(dim=(0, 2, 3))
    mean = torch.as_tensor(total) / count
    std = (torch.as_tensor(squares) / count - mean.square()).sqrt()
    network.register_to_config(
        latents_mean=[round(v, 5) for v in mean.tolist()],
        latents_std=[round(v, 5) for v in std.tolist()],
    )


def measure(
    network: Any,
    height: int,
    width: int,
    scenes: int,
    *,
    source: Draw = draw_short,
    noise: float = 0.0,
) -> float:
    """Mean PSNR in dB over held-out scenes, frames rounded to bytes, through ``sample.vae``.

    Args:
        network: The codec.
        height: Of the frames.
        width: Of the frames.
        scenes: How many.
        source: What draws.
        noise: Spread of noise on the normalised latents.
    """
    generator = torch.Generator().manual_seed(0)
    found = []
    for seed in range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + scenes):
        clip = source(seed, height, width)
        latents = encode_frames(network, clip.numpy())
        latents = latents + noise * torch.randn(latents.shape, generator=generator)
        decoded = [torch.from_numpy(part) for part in decode_latents(network, latents)]
        found.append(psnr(torch.cat(decoded), clip))
    return round(sum(found) / len(found), 3)


def psnr(decoded: Tensor, clip: Tensor) -> float:
    """Peak signal-to-noise ratio of bytes, in dB."""
    error = (decoded.float() - clip.float()).square().mean()
    return 10 * math.log10(255**2 / max(float(error), 1e-9))


def save(network: AutoencoderFold, recipe: CodecRecipe, measured: dict[str, float]) -> None:
    """Write config.json, weights and what was measured to ``recipe.out``."""
    folder = Path(recipe.out)
    part = folder.with_name(f".{folder.name}.part")
    with disk_errors("write the codec", folder):
        shutil.rmtree(part, ignore_errors=True)
        network.to(memory_format=torch.contiguous_format).save_pretrained(part)
        told = {"psnr": measured, "recipe": recipe.model_dump(mode="json")}
        write_json(part / MEASURED, told)
        replace_folder(part, folder)
