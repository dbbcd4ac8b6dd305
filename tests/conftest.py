"""What all tests share: no network, one torch thread, small films."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # Two test processes share two cores.

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a screenplay: ``write(text, name)`` -> path."""

    def write_text(text: str, name: str = "film.yaml") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write_text


SMALL = """
title: Small
seed: 5
style: Cut paper.
characters:
  mara: a keeper in a yellow coat
profiles:
  standard: {size: 32x32, steps: 7, guidance: 2}
  draft: {size: 16x16, steps: 2, guidance: 1}
scenes:
  - id: storm
    global: A cliff at night. {mara} waits.
    frames: 17
    cuts: [7]
    transition: {kind: crossfade, seconds: 0.2}
    shots:
      - Wide shot of the cliff.
      - "{mara} turns."
  - id: dawn
    global: The cliff at dawn.
    frames: 9
    shots: ["{mara} smiles."]
"""
"""Two scenes, three shots, a cut that moves (7 -> 9), a crossfade; a second to render."""


@pytest.fixture
def small(write: Write) -> Path:
    return write(SMALL)
