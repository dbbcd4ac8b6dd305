"""The golden table: relative L2 distance to the reference's outputs, per case and engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from benchmarks.machine import machine
from tests.model.golden_cases import KEYS, OUTPUTS, TOLERANCE, error, load_golden


def main() -> None:
    """Print the table; on a machine without CUDA there is no varlen engine to measure."""
    print(f"# {machine()}; float32; tolerance {TOLERANCE:.0e}\n")
    print("| case | output | self-attention | text windows | relative L2 |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        network = load_golden(Path(folder), "loop")
        for key in KEYS:
            for output, (_, windowed, sparse) in OUTPUTS.items():
                off = error(key, output, network)
                how = "loop" if sparse else "dense"
                windows = "loop" if windowed else "all open (dense)"
                print(f"| {key} | {output} | {how} | {windows} | {off:.1e} |")
    if not torch.cuda.is_available():
        print("\nvarlen: not measured (no CUDA device)")


if __name__ == "__main__":
    main()
