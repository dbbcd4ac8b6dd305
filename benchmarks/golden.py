"""The golden table: relative L2 distance to the reference's outputs, per case and engine.

    python -m benchmarks.golden [--cases N]

float32, in which torch's packed kernel does not run: the packed engine's kernel is computed by its
definition here, so that what is measured is its packing. On a GPU a second table has the kernel
itself, in bfloat16.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import torch
from torch.nn.attention import varlen

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model.attention.segments import Engine
from tests.model.golden_cases import KEYS, OUTPUTS, TOLERANCE, error, load_golden
from tests.model.oracle import python_varlen

ENGINES: tuple[Engine, ...] = ("loop", "varlen", "masked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=len(KEYS), help="how many, the first ones")
    keys = KEYS[: parsed(parser, cases=1).cases]
    print(f"# {machine()}; float32; tolerance {TOLERANCE:.0e}\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(varlen, "varlen_attn", python_varlen),
    ):
        print_table(Path(folder), torch.float32, "cpu", keys)
    if torch.cuda.is_available():
        print("\nbfloat16, on the GPU\n")
        with tempfile.TemporaryDirectory() as folder:
            print_table(Path(folder), torch.bfloat16, "cuda", keys)


def print_table(folder: Path, dtype: torch.dtype, device: str, keys: Sequence[str]) -> None:
    networks = {engine: load_golden(folder / engine, engine, dtype, device) for engine in ENGINES}
    print("| case | output | " + " | ".join(ENGINES) + " |")
    print("|---|---|" + "---|" * len(ENGINES))
    for key in keys:
        for output in OUTPUTS:
            off = [f"{error(key, output, networks[engine]):.1e}" for engine in ENGINES]
            print(f"| {key} | {output} | {' | '.join(off)} |")


if __name__ == "__main__":
    main()
