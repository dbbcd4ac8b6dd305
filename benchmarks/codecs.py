"""Ways to code drawn films in latents of 4 frames and 8x8 pixels, side by side on held-out scenes.

    python -m benchmarks.codecs [--minutes 4] [--channels 32] [--size 160x96] [--codec FOLDER]

Every learned candidate trains on the same pictures for the same time (of the processor, so that a
busy machine changes nothing); --codec adds a finished one. Columns: PSNR of whole films, of latents
with noise, and of pixels that move; how far steps from pixel to pixel are off; how far bytes of a
shot change, at most, when the shot before it is another one; milliseconds for a film of 61 frames.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan, AutoencoderTiny
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.lab.codec.blocks import Blocks, Crops, draw_short, gather
from holocine_core.lab.codec.recipe import CodecLoss, CodecRecipe, CodecShape, Pictures
from holocine_core.lab.codec.train import fit, loss_of, normalise, psnr, start
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS
from holocine_core.model.components import ComponentFiles, part_in_folder
from holocine_core.model.nano_net.codec import fold, unfold
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import decode_latents, encode_frames, to_frames

RATE = 2e-3
CROP = (64, 80)
NOISE = 0.1
MOVING = 12
"""A pixel moves where it differs from the frame before by more than this, of 255."""

Encode = Callable[[Tensor], Tensor]
Decode = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A way to code: clips uint8 [T, H, W, 3] to normalised latents and back."""

    name: str
    encode: Encode
    decode: Decode
    parameters: int
    steps: int


def of_vae(name: str, vae: Any, steps: int) -> Candidate:
    """A video autoencoder as the renderer uses it."""

    def decode(latents: Tensor) -> Tensor:
        return torch.from_numpy(np.concatenate(list(decode_latents(vae, latents))))

    return Candidate(
        name=name,
        encode=lambda clip: encode_frames(vae, clip.numpy()),
        decode=decode,
        parameters=_count(vae),
        steps=steps,
    )


def linear(options: argparse.Namespace, blocks: Blocks) -> Candidate:
    """The principal components of folded blocks, and nothing learned."""
    network = start(recipe_of(options, steps=1), [blocks])
    into, out_of = network.encoder.linear, network.decoder.linear

    def encode(clip: Tensor) -> Tensor:
        first, following = clip[:1].expand(4, -1, -1, -1), clip[1:]
        frames = torch.cat([first, following]).unflatten(0, (-1, 4)).permute(0, 4, 1, 2, 3)
        latents: Tensor = into(F.pixel_unshuffle(frames.flatten(1, 2) / 127.5 - 1, 8))
        return latents

    def decode(latents: Tensor) -> Tensor:
        folded = F.pixel_shuffle(F.pixel_shuffle(out_of(latents), 4), 2)
        return unfold(folded).transpose(1, 2).flatten(0, 1)[3:]

    name = f"linear (principal components), {options.channels} channels"
    parameters = _count(into) + _count(out_of)
    return by_frames(name, encode, decode, clips_of(blocks), parameters=parameters, steps=0)


def learned(options: argparse.Namespace, blocks: Blocks) -> Candidate:
    """AutoencoderFold: it begins as the linear one and learns convolutions beside it."""
    probe = 6
    begun = time.process_time()
    recipe = recipe_of(options, steps=probe)
    fit(start(recipe, [blocks]), recipe, [blocks], lambda line: None)
    each = (time.process_time() - begun) / probe
    recipe = recipe_of(options, steps=max(1, round(60 * options.minutes / each)))
    network = start(recipe, [blocks])
    fit(network, recipe, [blocks], lambda line: None)
    normalise(network, [blocks])
    return of_vae(f"AutoencoderFold, {options.channels} channels", network, recipe.steps)


def wan(options: argparse.Namespace, blocks: Blocks) -> Candidate:
    """A small AutoencoderKLWan, trained on clips of two latent frames."""
    torch.manual_seed(0)
    network = AutoencoderKLWan(
        base_dim=24,
        z_dim=options.channels,
        num_res_blocks=1,
        latents_mean=[0.0] * options.channels,
        latents_std=[1.0] * options.channels,
    )
    crops = Crops([blocks], CROP, 0)

    def loss() -> Tensor:
        frames = crops.batch(2)
        clip = torch.cat([frames[:, :, :1], frames], 2)
        decoded = network.decode(network.encode(clip).latent_dist.mode()).sample
        return loss_of(fold(decoded[:, :, 1:]), fold(frames), CodecLoss())

    steps = train(list(network.parameters()), loss, 60 * options.minutes)
    network.eval().requires_grad_(False)
    latents = torch.cat(
        [
            network.encode(clip.permute(3, 0, 1, 2)[None] / 127.5 - 1).latent_dist.mode()
            for clip in clips_of(blocks)
        ]
    )
    network.register_to_config(
        latents_mean=latents.mean((0, 2, 3, 4)).tolist(),
        latents_std=latents.std((0, 2, 3, 4)).tolist(),
    )
    return of_vae(f"AutoencoderKLWan, {options.channels} channels", network, steps)


def tiny(options: argparse.Namespace, blocks: Blocks) -> Candidate:
    """AutoencoderTiny frame by frame, with a quarter of the channels: as many numbers a second."""
    torch.manual_seed(0)
    channels = max(1, options.channels // 4)
    network = AutoencoderTiny(
        latent_channels=channels,
        encoder_block_out_channels=(48,) * 4,
        decoder_block_out_channels=(48,) * 4,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    crops = Crops([blocks], CROP, 0)

    def loss() -> Tensor:
        frames = crops.batch(2).transpose(1, 2).flatten(0, 1)
        return loss_of(network.decoder(network.encoder(frames)), frames, CodecLoss())

    steps = train(list(network.parameters()), loss, 60 * options.minutes)
    network.eval().requires_grad_(False)
    return by_frames(
        f"AutoencoderTiny per frame, {channels} channels",
        lambda clip: network.encoder(clip.permute(0, 3, 1, 2) / 127.5 - 1),
        lambda latents: network.decoder(latents),
        clips_of(blocks),
        parameters=_count(network),
        steps=steps,
    )


def train(parameters: list[nn.Parameter], loss: Callable[[], Tensor], seconds: float) -> int:
    """Adam for a time of the processor, its rate falling in the second half; returns the steps."""
    optimizer = torch.optim.Adam(parameters, lr=RATE, betas=(0.9, 0.99))
    began, steps = time.process_time(), 0
    while (part := (time.process_time() - began) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (steps + 1) / 30, 2 * (1 - part))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss())
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        steps += 1
    return steps


def by_frames(
    name: str, into: Encode, out_of: Decode, known: Sequence[Tensor], **numbers: int
) -> Candidate:
    """A codec that works on each of its frames alone [F, C, h, w], normalised over ``known``."""
    with torch.no_grad():
        latents = torch.cat([into(clip) for clip in known])
    mean, std = latents.mean((0, 2, 3), keepdim=True), latents.std((0, 2, 3), keepdim=True)

    def decode(normalised: Tensor) -> Tensor:
        pixels = out_of(normalised * std + mean)
        return torch.from_numpy(to_frames(pixels.transpose(0, 1)))

    return Candidate(
        name=name, encode=lambda clip: (into(clip) - mean) / std, decode=decode, **numbers
    )


def clips_of(blocks: Blocks) -> list[Tensor]:
    """Some of the pictures learned from as clips of five frames, uint8 [T, H, W, 3]."""
    return [torch.cat([b[:, :1], b], 1).permute(1, 2, 3, 0) for b in blocks.pixels[:48]]


def recipe_of(options: argparse.Namespace, steps: int) -> CodecRecipe:
    return CodecRecipe(
        out="not written",
        shape=CodecShape(z_dim=options.channels),
        pictures=(Pictures(size=options.size, scenes=options.scenes),),
        steps=steps,
    )


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def row(one: Candidate, clips: list[Tensor], rounds: int) -> str:
    """A candidate's line of the table."""
    generator = torch.Generator().manual_seed(0)
    plain, noisy, moving, edges = [], [], [], []
    for clip in clips:
        latents = one.encode(clip)
        decoded = one.decode(latents)
        noise = torch.randn(latents.shape, generator=generator)
        plain.append(psnr(decoded, clip))
        noisy.append(psnr(one.decode(latents + NOISE * noise), clip))
        before = clip[:-1].int()
        moves = ((clip[1:].int() - before).abs().amax(-1) > MOVING).nonzero(as_tuple=True)
        if len(moves[0]):
            moving.append(psnr(decoded[1:][moves], clip[1:][moves]))
        off = decoded.float() - clip.float()
        edges.append(float(off.diff(dim=2).abs().mean() + off.diff(dim=1).abs().mean()) / 2)
    figures = (_mean(plain), _mean(noisy), _mean(moving), _mean(edges), bleeding(one, clips))
    said = " | ".join(f"{figure:.2f}" for figure in figures)
    size, took = f"{one.parameters / 1e6:.2f}", speed(one, clips, rounds)
    return f"| {one.name} | {size} | {one.steps} | {said} | {took} |"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def bleeding(one: Candidate, clips: list[Tensor]) -> float:
    """Most that a byte of a shot changes when the shot before it is another one."""
    first, second, shot = (clip[:13] for clip in clips[:3])
    films = [torch.cat([before, shot[1:]]) for before in (first, second)]
    decoded = [one.decode(one.encode(film))[13:].int() for film in films]
    return float((decoded[0] - decoded[1]).abs().max())


def speed(one: Candidate, clips: list[Tensor], rounds: int) -> str:
    """Milliseconds of encoding and of decoding 61 frames; the best of the rounds, one thread."""
    film = torch.cat([*clips, *clips, *clips])[:61]
    best = [float("inf")] * 2
    for _ in range(rounds):
        begun = time.process_time()
        latents = one.encode(film)
        encoded = time.process_time()
        one.decode(latents)
        spent = (encoded - begun, time.process_time() - encoded)
        best = [min(a, b) for a, b in zip(best, spent, strict=True)]
    return f"{1e3 * best[0]:.0f} + {1e3 * best[1]:.0f}"


def finished(folder: Path) -> Candidate:
    files = part_in_folder(folder, "vae", hint="give a codec's folder")
    if not isinstance(files, ComponentFiles):
        raise SystemExit(f"{files.path} is not there")
    return of_vae(str(folder), load_component(files, torch.float32), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0, help="of training for each")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--scenes", type=int, default=160, help="scenes to learn from")
    parser.add_argument("--held-out", type=int, default=12, help="scenes to measure on")
    parser.add_argument("--codec", type=Path, help="folder of a finished codec to measure too")
    parser.add_argument("--workers", type=int, help="processes that draw; 0: this one")
    parser.add_argument("--rounds", type=int, default=3, help="of the clock, the best counts")
    few = {"channels": 4, "scenes": 2, "held_out": 3, "workers": 0, "rounds": 1}
    options = parsed(parser, minutes=0.003, size="16x16", **few)
    torch.set_num_threads(1)
    pictures = Pictures(size=options.size, scenes=options.scenes)
    blocks = gather(pictures, workers=options.workers)
    seeds = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + max(3, options.held_out))
    clips = [draw_short(seed, pictures.height, pictures.width) for seed in seeds]
    print(f"# {machine()}; {options.minutes:g} min of one core each, {options.size}\n")
    print("| codec | M parameters | steps | PSNR | with noise 0.1 | moving | edges | bleeds | ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for make in (linear, learned, wan, tiny):
        print(row(make(options, blocks), clips, options.rounds), flush=True)
    if options.codec:
        print(row(finished(options.codec), clips, options.rounds), flush=True)


if __name__ == "__main__":
    main()
