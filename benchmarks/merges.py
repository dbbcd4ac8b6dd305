"""How far LoRA files of every kind and naming are from the same change merged by hand.

    python -m benchmarks.merges

A small Wan transformer of random weights takes each file, and beside it a network whose weights
were changed by the kind's definition in double precision. The figure is the relative distance of
their outputs (norm of the difference by the norm); the last column is how much the file changes the
output at all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from tests.model.test_lora import (
    ALL,
    STYLES,
    distance,
    merged,
    network,
    output,
    pairs_for,
    written,
)
from tests.model.test_lora_kinds import KINDS, NAMINGS, file_and_merge

WEIGHTS = (1.0, -0.5, 6.0)
"""As trained, the other way, and what few-step LoRAs ask for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="of so many files one")
    args = parsed(parser, every=9)
    torch.set_num_threads(1)
    print(f"# {machine()}\n")
    print("| kind | naming | weight | distance from the hand merge | change |")
    print("|---|---|---|---|---|")
    path = scratch("lora.safetensors")
    cases = [
        *(("LoRA", naming, weight) for naming in STYLES for weight in WEIGHTS),
        *((kind, naming, weight) for kind in KINDS for naming in NAMINGS for weight in WEIGHTS),
    ]
    worst = 0.0
    for kind, naming, weight in cases[:: args.every]:
        error, change = _tried(path, kind, naming, weight)
        worst = max(worst, error)
        print(f"| {kind} | {naming} | {weight:g} | {error:.1e} | {change:.2g} |", flush=True)
    print(f"| all | | | at most {worst:.1e} | |")


def _tried(path: Path, kind: str, naming: str, weight: float) -> tuple[float, float]:
    """Distance from the hand merge, and from the network without the file."""
    if kind == "LoRA":
        pairs = pairs_for(ALL, seed=1)
        lora = LoraFile(path=written(path, STYLES[naming](pairs)), weight=weight)
        by_hand = merged(network(), pairs, weight)
    else:
        lora, by_hand = file_and_merge(path, kind, naming, weight)
    ours = network()
    before = output(ours)
    apply_loras(ours, "transformer", [lora])
    after = output(ours)
    return distance(after, output(by_hand)), distance(after, before)


if __name__ == "__main__":
    main()
