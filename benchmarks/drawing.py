"""How fast the drawn world is drawn and encoded, on one core.

    python -m benchmarks.drawing [--scenes 32] [--size 224x128] [--codec FOLDER]

Scenes of 29 to 121 frames, as training draws them: backdrop once, then every frame. Training draws
in as many processes as there are cores and keeps the latents, so that a scene is drawn once however
often it is seen.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import sample_layout, sample_scene
from holocine_core.model.components import part_in_folder
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames

FIRST_SEED = 900_000
LATENT_FRAMES = (8, 31)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=32)
    parser.add_argument("--size", default="224x128")
    parser.add_argument("--codec", type=Path, default=Path("holocine_core/model/nano/vae"))
    args = parsed(parser, scenes=1, size="80x48")
    width, height = map(int, args.size.split("x"))
    torch.set_num_threads(1)
    vae = load_component(
        part_in_folder(args.codec, "vae", hint="give a codec's folder"), torch.float32
    )
    frames, drawing, encoding = 0, 0.0, 0.0
    for seed in range(FIRST_SEED, FIRST_SEED + args.scenes):
        least, most = LATENT_FRAMES
        layout = sample_layout(random.Random(seed), most, least)
        started = time.perf_counter()
        film = draw(sample_scene(seed, layout), height, width).numpy()
        drawn = time.perf_counter()
        encode_frames(vae, film)
        drawing, encoding = drawing + drawn - started, encoding + time.perf_counter() - drawn
        frames += len(film)
    print(f"*{machine()}; one thread; {args.scenes} scenes, {frames} frames of {args.size}*\n")
    print("| | frames/s |")
    print("|---|---|")
    print(f"| drawn | {frames / drawing:.0f} |")
    print(f"| encoded | {frames / encoding:.0f} |")


if __name__ == "__main__":
    main()
