"""What a film asks of a machine's main memory in each placement. No torch here.

Two kinds, which Linux tells apart too. What a process *holds* must be there: weights that are not
as they lie in their files, pages pinned for a GPU, frames, the libraries. What lies in *files* is
mapped: the system keeps a copy of it while it has room, and reads it again where it has not; then a
placement that comes back to its weights waits for the disk.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from zipfile import is_zipfile

from holocine_core.errors import MachineError
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.entries import read_entries
from holocine_core.model.memory import (
    EXPERTS,
    VALUE,
    Expert,
    Home,
    LoraSize,
    Needs,
    Precision,
    Strategy,
    text_bytes,
)
from holocine_core.model.scales import stays_float8
from holocine_core.model.spec import ModelSpec

PROCESS_BYTES = {"cpu": 2**29, "cuda": 3 * 2**29}
"""What Python, torch, the other libraries (0.3 GiB, measured) and a tokenizer hold beside networks;
with a CUDA context a GiB more, which is not measured."""
PINNED_SHARE = 0.5
"""Share of free main memory that pinned copies of one network may take."""
_TYPES = {"bfloat16": "BF16", "float32": "F32"}


@dataclass(frozen=True, slots=True)
class HostNeed:
    """Bytes of main memory."""

    held: int = 0
    """Of all processes' own, at the peak."""
    mapped: int = 0
    """Of weights that are read from their files again and again while takes are made."""


NO_NEED = HostNeed()


def pins(network: int, free: int | None) -> bool:
    """Whether a network that passes a GPU by blocks is pinned as a whole: where its files take less
    than half of what is free.

    Args:
        network: Bytes of its files.
        free: Of main memory, None where nobody knows.
    """
    return free is not None and network <= free * PINNED_SHARE


def homes_of(located: LocatedModel, precision: Precision) -> dict[str, Home]:
    """Where each network whose files are there will lie, by its files' headers.

    Args:
        located: The model.
        precision: That its text encoder and transformers compute in.
    """
    return {
        name: _lying(name, files, "float32" if name == "vae" else precision)
        for name, files in located.components.items()
        if name != "tokenizer"
    }


def _lying(part: str, files: ComponentFiles, precision: Precision) -> Home:
    mapped = copied = 0
    for path in files.paths:
        if files.form == "gguf":
            copied += path.stat().st_size  # Its reader copies every weight.
            continue
        # What is no zip archive is read as a whole.
        in_place = files.form != "pth" or is_zipfile(path)
        # A damaged file is reported by who loads or verifies it.
        with suppress(MachineError):
            for name, entry in read_entries(path).items():
                as_it_is = entry.dtype == _TYPES[precision] or stays_float8(part, name, entry)
                if in_place and as_it_is:
                    mapped += entry.stop - entry.start
                else:
                    copied += entry.elements * VALUE[precision]
    return Home(mapped, copied)


def host_need(
    spec: ModelSpec,
    needs: Needs,
    precision: Precision,
    strategy: Strategy,
    device: str,
    free: int | None,
) -> HostNeed:
    """What a film asks of main memory.

    Args:
        spec: The model.
        needs: Of the film.
        precision: Type of the weights.
        strategy: The placement's.
        device: ``cpu`` or a GPU; what a CPU computes with is main memory too.
        free: Bytes free now, which decide what is pinned; None where nobody knows.
    """
    expert = Expert(spec, precision, needs.packed)
    text = _home(spec, needs, "text_encoder", precision)
    vae = _home(spec, needs, "vae", "float32")
    experts = [
        _changed(_home(spec, needs, name, precision), expert, lora)
        for name, lora in zip(EXPERTS[: spec.experts], needs.loras, strict=False)
    ]
    if strategy == "fp8" and not needs.packed:
        experts = [_in_fp8(home, expert) for home in experts]
    working = encoding = 0
    if device == "cpu":
        working = max(needs.denoise_bytes, needs.decode_bytes, needs.encode_bytes)
        encoding = text_bytes(spec)
    elif strategy == "group":
        text, experts = _pinned(spec, precision, text, experts, expert, free)
    read_again = {
        "resident": device == "cpu",
        "swap": device == "cpu" or needs.takes > 1,
        "fp8": False,
        "group": True,
        "stream": True,
    }
    adapters = [one.adapters for one in needs.loras[: spec.experts]]
    beside = PROCESS_BYTES[device.partition(":")[0]] + needs.frame_bytes
    beside += VALUE[precision] * sum(adapters)
    copied = sum(home.copied for home in experts) + vae.copied
    # A LoRA's matrices are float32 for a moment, beside those that were read.
    held = beside + max(text.copied + encoding, copied + max(working, 6 * max(adapters)))
    mapped = sum(home.mapped for home in experts) if read_again[strategy] else 0
    return HostNeed(held * needs.processes, mapped)


def _home(spec: ModelSpec, needs: Needs, part: str, precision: Precision) -> Home:
    """A network's, as its files are; as it is published where they are not there."""
    if part in needs.homes:
        return needs.homes[part]
    told = spec.weight_bytes.get(part.removesuffix("_2"), 0)
    if needs.packed is not None and part in EXPERTS:
        return Home(copied=told) if needs.packed == "gguf" else Home(mapped=told)
    if precision == "float32" and part != "vae":
        return Home(copied=2 * told)
    return Home(mapped=told)


def _changed(home: Home, expert: Expert, lora: LoraSize) -> Home:
    """An expert's, less what loading makes float32 and what LoRAs change as a whole."""
    if expert.packed == "gguf" or not home.mapped:
        return home
    narrow = 0 if expert.precision == "float32" else expert.sensitive
    lying = 1 if expert.packed == "fp8" else VALUE[expert.precision]
    left = min(home.mapped, lying * lora.changed + 2 * narrow)
    changed = VALUE[expert.precision] * lora.changed
    return Home(home.mapped - left, home.copied + changed + 4 * narrow)


def _in_fp8(home: Home, expert: Expert) -> Home:
    """An expert's once its blocks' matrices are a byte each, in memory of the process's own."""
    wide = expert.matrices * VALUE[expert.precision]
    mapped = max(0, home.mapped - wide)
    around = max(0, home.mapped + home.copied - wide)
    return Home(mapped, around - mapped + expert.matrices)


def _pinned(
    spec: ModelSpec,
    precision: Precision,
    text: Home,
    experts: list[Home],
    expert: Expert,
    free: int | None,
) -> tuple[Home, list[Home]]:
    """What passes by blocks, pinned as a whole or block by block (model/networks.py)."""
    encoder = spec.weight_bytes.get("text_encoder", 0) * VALUE[precision] // 2
    table = spec.shape.vocabulary * spec.shape.text_width * VALUE[precision]
    # Matrices of the encoder are powers of two, or three quarters of one.
    passing = encoder + encoder // 4 if pins(encoder, free) else min(table, encoder)
    text = Home(0 if pins(encoder, free) else text.mapped, text.copied + passing)
    found, passing = [], 2 * _in_powers(expert) // spec.shape.layers
    for home in experts:
        if pins(expert.whole, free):
            whole = _in_powers(expert)
            found.append(Home(0, whole))
            free = None if free is None else free - whole
        else:  # Both experts' blocks leave from the same pages.
            found.append(Home(home.mapped, home.copied + passing))
            passing = 0
    return text, found


def _in_powers(expert: Expert) -> int:
    """Bytes of an expert whose blocks' matrices are pinned: torch takes a power of two for each
    (ATen/core/CachingHostAllocator.h), and keeps what is freed for the next."""
    shape = expert.spec.shape
    each = expert.block / (8 * shape.width**2 + 2 * shape.width * shape.ffn)
    square, long = (
        1 << (round(each * count) - 1).bit_length()
        for count in (shape.width**2, shape.width * shape.ffn)
    )
    return shape.layers * (8 * square + 2 * long) + expert.around
