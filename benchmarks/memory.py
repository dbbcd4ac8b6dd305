"""Peak memory of decoding against a film's length: streamed to the encoder, and all at once.

    python -m benchmarks.memory [--frames 81 241 961] [--size 224x128]

Each figure is one process: the highest resident memory above what it held before decoding. The VAE
is a tiny random model's, an AutoencoderKLWan like the 14B models'; the latents are random.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_cli.progress import process_peak
from holocine_core.model.tiny import write_tiny


def resident() -> int:
    """Bytes held now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure(model: str, how: str, frames: int, size: str) -> None:
    """Decode once with a folder's VAE; print peak bytes above the start, and seconds."""
    import torch

    from holocine_core.edit.ffmpeg import MASTER_ARGS, write_frames
    from holocine_core.model.locate import find_model
    from holocine_core.model.weights import load_component
    from holocine_core.sample.vae import decode_latents, to_frames

    width, height = map(int, size.split("x"))
    vae = load_component(find_model(model).component("vae"), torch.float32)
    torch.manual_seed(0)
    latents = torch.randn(1, vae.config.z_dim, (frames - 1) // 4 + 1, height // 8, width // 8)
    list(decode_latents(vae, latents[:, :, :3]))  # Allocators and kernels settle.
    before, started = resident(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.mp4"
        with write_frames(out, width, height, Fraction(15), MASTER_ARGS) as writer:
            if how == "streamed":
                for chunk in decode_latents(vae, latents):
                    writer.write(chunk)
            else:
                with torch.no_grad():
                    writer.write(to_frames(vae.decode(latents, return_dict=False)[0][0]))
    print((process_peak() or 0) - before, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[81, 241, 961])
    parser.add_argument("--size", default="224x128")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parsed(parser, frames=[9], size="32x32")
    if options.one:
        model, how, frames = options.one
        measure(model, how, int(frames), options.size)
        return
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "tiny"
        write_tiny(model)
        compare(model, options.frames, options.size)


def compare(model: Path, lengths: list[int], size: str) -> None:
    """Print a row per length."""
    print(f"# {machine()}; decoding at {size}, float32\n")
    print("| frames | streamed: peak MiB | s | vae.decode at once: peak MiB | s |")
    print("|---|---|---|---|---|")
    for frames in lengths:
        row = []
        for how in ("streamed", "whole"):
            call = [sys.executable, "-m", "benchmarks.memory", "--size", size, "--one"]
            done = subprocess.run(
                [*call, str(model), how, str(frames)], capture_output=True, text=True, check=True
            )
            held, seconds = done.stdout.split()
            row.append(f"{int(held) / 2**20:.0f} | {float(seconds):.1f}")
        print(f"| {frames} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
