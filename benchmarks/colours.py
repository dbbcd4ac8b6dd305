"""Fit the colours of a codec's latents, by which --peek shows a take that is being denoised:
python -m benchmarks.colours [MODEL] [--patch 4] [--out FILE]

By least squares on drawn scenes: each latent against the pixels of the last of its frames, in PATCH
x PATCH pieces. Prints the share of the pixels' variance that the map reaches; with --out the file
that goes into the codec's folder. Without, nothing is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.lab.codec.blocks import draw_short
from holocine_core.lab.codec.refit import fit
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames

FIRST_SEED = 9000
FRAMES = 4
"""In every latent frame but the first, which holds one."""


def pieces(frames_FHWC: Tensor, rows: int, columns: int, patch: int) -> Tensor:
    """Every latent's pixels in ``patch`` x ``patch`` pieces, a row each."""
    small = F.adaptive_avg_pool2d(frames_FHWC.movedim(-1, 1), (rows * patch, columns * patch))
    parted = small.movedim(1, -1).unflatten(2, (columns, patch)).unflatten(1, (rows, patch))
    return parted.permute(0, 1, 3, 2, 4, 5).flatten(3).flatten(0, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="nano")
    parser.add_argument("--patch", type=int, default=4)
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--out", type=Path)
    asked = parsed(parser, scenes=2)
    vae = load_component(find_model(asked.model).component("vae"), torch.float32)
    latents, pixels = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + asked.scenes):
        clip = draw_short(seed, 128, 224)
        known = encode_frames(vae, clip.numpy())[0]
        last = [0, *range(FRAMES, len(clip), FRAMES)]
        latents.append(known.movedim(0, -1).flatten(0, 2))
        shown = clip[last].float() / 127.5 - 1
        pixels.append(pieces(shown, *known.shape[2:], asked.patch))
    found = fit(torch.cat(latents), torch.cat(pixels))
    print(f"# {machine()}\n")
    print("| model | scenes | pieces of a latent | variance reached |\n|---|---|---|---|")
    size = f"{asked.patch}x{asked.patch}"
    print(f"| {asked.model} | {asked.scenes} | {size} | {found.explained:.1%} |")
    if asked.out is not None:
        told = {
            "source": f"python -m benchmarks.colours {asked.model} --scenes {asked.scenes}",
            "patch": asked.patch,
            "bias": _rounded(found.offset),
            "factors": [_rounded(row) for row in found.matrix.T],
        }
        asked.out.write_text(json.dumps(told) + "\n", encoding="utf-8")


def _rounded(row: Tensor) -> list[float]:
    return [round(value, 4) for value in row.tolist()]


if __name__ == "__main__":
    main()
