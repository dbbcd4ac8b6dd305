"""How near a film that is made from a draft stays to it, beside a fresh film with the same seed.

    python -m benchmarks.upscale [--seeds 3] [--model nano]

Films of benchmarks.film's screenplay: the draft, the standard film made from it, and a standard one
with the same seed. Distances are of frames averaged to 12x20 cells, so that detail hardly counts.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.film import FILM
from benchmarks.machine import machine
from benchmarks.quick import parsed, tiny
from benchmarks.stages import SHORT
from holocine_core.edit.ffmpeg import read_frames
from holocine_core.film.planning import plan_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.store.vault import Vault

CELLS = (12, 20)


def coarse(folder: Path, **options: object) -> NDArray[np.float64]:
    """A film's frames as means of cells [T, 12, 20, 3]."""
    film = folder / f"{len(list(folder.iterdir()))}.mp4"
    plan = plan_film(folder / "film.yaml", Request(out=film, **options))
    render(plan)
    clip = Vault(plan.work).path("clips", plan.takes[0].clip_key)
    frames = torch.from_numpy(np.concatenate(list(read_frames(clip)))).double()
    means = F.adaptive_avg_pool2d(frames.permute(0, 3, 1, 2), CELLS)
    return means.permute(0, 2, 3, 1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default="nano")
    args = parsed(parser, seeds=1, model=tiny)
    film, told = (SHORT, "2 shots, 9") if args.quick else (FILM, "4 shots, 121")
    print(f"*{machine()}; {args.model}, {told} frames; root mean square of the difference to ")
    print("the draft in grey levels, of means of 12x20 cells*\n")
    print("| seed | made from the draft | fresh, same seed | share |")
    print("|---|---|---|---|")
    for number in range(1, args.seeds + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "film.yaml").write_text(film)
            common = {"model": args.model, "work": folder / "work"}
            draft = coarse(folder, profile="draft", draft=number, **common)
            upscaled = coarse(folder, profile="standard", from_draft=number, **common)
            fresh = coarse(folder, profile="standard", draft=number, **common)
        near, far = (float(((film - draft) ** 2).mean() ** 0.5) for film in (upscaled, fresh))
        print(f"| {number - 1} | {near:.1f} | {far:.1f} | {near / far:.2f} |", flush=True)


if __name__ == "__main__":
    main()
