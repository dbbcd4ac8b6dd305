"""Where a SentencePiece tokenizer lies: in its own file, or in a text encoder's. No torch here."""

from __future__ import annotations

from pathlib import Path

from holocine_core.model.headers import read_header
from holocine_core.store.files import read_small

SPIECE = "spiece_model"
"""Tensor of a text encoder's file that holds its tokenizer, as ComfyUI's files have it."""


def spiece_bytes(path: Path) -> bytes:
    """The SentencePiece file: itself, or out of the text encoder's weights.

    Raises:
        MachineError: The weight file is damaged.
        ValueError: It carries no tokenizer.
    """
    if path.suffix != ".safetensors":
        return read_small(path)
    entry = read_header(path).get(SPIECE)
    if entry is None or entry.dtype not in ("U8", "I8"):
        raise ValueError(f"no tensor of bytes is named {SPIECE}")
    with path.open("rb") as file:
        file.seek(entry.start)
        return file.read(entry.stop - entry.start)
