"""What a film asks of a device's memory, phase by phase, in each placement. No torch here.

Networks work one after another (sample/generator.py, model/networks.py): the text encoder, the
high-noise expert, the low-noise one, the VAE. A placement says which of them are on the device
meanwhile; the peak is that of the tightest phase. Workspaces of GPU kernels and the allocator's
slack come on top: of the free memory a placement plans with a share only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from holocine_core.model.components import Packing
from holocine_core.model.spec import ModelSpec

Strategy = Literal["resident", "swap", "fp8", "group", "stream"]
Precision = Literal["bfloat16", "float32"]
Phase = Literal["text", "high", "low", "pictures", "decode"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
PHASES: Mapping[Phase, str] = {
    "text": "encoding the text",
    "high": "denoising with the high-noise expert",
    "low": "denoising with the low-noise expert",
    "pictures": "encoding pictures",
    "decode": "decoding",
}
"""In their order, in words."""
EXPERTS = ("transformer", "transformer_2")
VALUE: Mapping[Precision, int] = {"bfloat16": 2, "float32": 4}
"""Bytes of a number."""
_FREQUENCIES = 256
"""Sinusoids of Wan's timestep embedding."""
_UNPACKED = 8
"""Bytes for each number of the one layer that a GGUF file's is unpacked to: float32 and bfloat16,
and what leads there."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a network's weights lie in main memory once it is loaded, in bytes."""

    mapped: int = 0
    """In their files: the system holds a copy of what is read while it has room."""
    copied: int = 0
    """In the process's own memory."""


@dataclass(frozen=True, slots=True)
class LoraSize:
    """What LoRAs add to one expert, in numbers."""

    adapters: int = 0
    """Matrices that stay beside the weights while the expert works."""
    changed: int = 0
    """Weights that are changed as a whole: they are as large as before, but no longer those in the
    file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What takes ask for beside the networks' weights: the most of any of them, in bytes.

    Args:
        denoise_bytes: While an expert computes, kept features of a cache included.
        decode_bytes: While the VAE decodes.
        encode_bytes: While it encodes pictures or a draft; 0 where there are none.
        frame_bytes: Of frames and latents in main memory.
        loras: By expert.
        homes: By network, where its files are known; else they lie as they were published.
        takes: How many there are.
        processes: That make them together, each with networks of its own.
        packed: How the transformers come packed, if they do.
    """

    denoise_bytes: int = 0
    decode_bytes: int = 0
    encode_bytes: int = 0
    frame_bytes: int = 0
    loras: tuple[LoraSize, LoraSize] = (LoraSize(), LoraSize())
    homes: Mapping[str, Home] = field(default_factory=dict)
    takes: int = 1
    processes: int = 1
    packed: Packing | None = None


@dataclass(frozen=True, slots=True)
class Expert:
    """A transformer's weights in bytes, as they compute.

    Args:
        spec: The model.
        precision: The type of its weights.
        packed: How they stay packed, if they do: their bytes are those of their files then.
    """

    spec: ModelSpec
    precision: Precision
    packed: Packing | None = None

    @property
    def matrices(self) -> int:
        """Numbers of the linear layers of all blocks."""
        shape = self.spec.shape
        return shape.layers * (8 * shape.width**2 + 2 * shape.width * shape.ffn)

    @property
    def sensitive(self) -> int:
        """Numbers that are float32 whatever the others are: time embedding, tables, norms."""
        shape = self.spec.shape
        return shape.width * (_FREQUENCIES + shape.width + 2 + 8 * shape.layers)

    @property
    def whole(self) -> int:
        told = self.spec.weight_bytes.get("transformer", 0)
        if self.packed:
            return told
        return told * VALUE[self.precision] // 2 + (4 - VALUE[self.precision]) * self.sensitive

    @property
    def block(self) -> int:
        """One of its blocks."""
        layers = self.spec.shape.layers
        each = self.matrices * VALUE[self.precision] // layers
        return min(self.whole // layers, each) if self.packed else each

    @property
    def around(self) -> int:
        """What surrounds the blocks."""
        return max(0, self.whole - self.spec.shape.layers * self.block)

    @property
    def in_fp8(self) -> int:
        """Once the matrices of its blocks are a byte each."""
        cast = self.matrices * (VALUE[self.precision] - 1)
        return self.whole if self.packed else max(self.whole - cast, self.matrices)

    @property
    def widened(self) -> int:
        """Of the largest layer, while it computes from narrower numbers."""
        shape = self.spec.shape
        each = _UNPACKED if self.packed == "gguf" else VALUE[self.precision]
        return each * shape.width * max(shape.width, shape.ffn)


def text_bytes(spec: ModelSpec) -> int:
    """Bytes alive beside the weights at the peak of encoding the longest prompt: scores of
    attention, their position bias and their softmax, or a feed-forward."""
    shape, rows = spec.shape, spec.text_tokens
    return max(16 * shape.text_attention_heads * rows**2, 26 * shape.text_width * rows)


def device_phases(
    spec: ModelSpec,
    needs: Needs,
    precision: Precision,
    strategy: Strategy,
    *,
    streams: bool = True,
) -> dict[Phase, int]:
    """Most bytes on the device in each phase, activations included.

    Args:
        spec: The model.
        needs: Of the film.
        precision: Type of the weights.
        strategy: The placement's.
        streams: Whether a block travels while the one before computes, as on a GPU.
    """
    expert = Expert(spec, precision, needs.packed)
    adapters = [VALUE[precision] * one.adapters for one in needs.loras][: spec.experts]
    if needs.packed == "fp8":  # Layers that a LoRA changes as a whole are widened.
        more = [(VALUE[precision] - 1) * one.changed for one in needs.loras]
        adapters = [beside + wide for beside, wide in zip(adapters, more, strict=False)]
    vae = spec.weight_bytes.get("vae", 0)
    kept = 0
    if strategy == "resident":
        kept = spec.experts * expert.whole + sum(adapters)
    working = {
        "swap": (expert.whole, 1.0),
        "fp8": (expert.in_fp8, 1.0),
        "group": _by_blocks(expert, streams=streams),
        "stream": _by_blocks(expert, streams=True),
    }
    phases: dict[Phase, int] = {"text": _text(spec, precision, strategy, streams=streams)}
    extra = 0
    if strategy == "fp8" or needs.packed:
        # Activations are tightest between two layers: a quarter of them, a feed-forward's second
        # widening, is not there while a layer computes.
        extra = max(0, expert.widened - needs.denoise_bytes // 4)
    names: tuple[Phase, Phase] = ("high", "low")
    for name, beside in zip(names, adapters, strict=False):
        held = kept + vae
        if strategy != "resident":
            weights, share = working[strategy]
            held = weights + round(share * beside)
        phases[name] = held + extra + needs.denoise_bytes
    if needs.encode_bytes:
        phases["pictures"] = kept + vae + needs.encode_bytes
    phases["decode"] = kept + vae + needs.decode_bytes
    return phases


def _by_blocks(expert: Expert, *, streams: bool) -> tuple[int, float]:
    """Bytes of a transformer that visits by blocks, and the share of its adapters that do."""
    there = min(2 if streams else 1, expert.spec.shape.layers)
    return expert.around + there * expert.block, there / expert.spec.shape.layers


def _text(spec: ModelSpec, precision: Precision, strategy: Strategy, *, streams: bool) -> int:
    """Most bytes on the device while the text encoder works."""
    whole = spec.weight_bytes.get("text_encoder", 0) * VALUE[precision] // 2
    if strategy not in ("group", "stream"):
        return whole + text_bytes(spec)
    # Layer by layer: its table is by far the largest.
    layers = spec.shape.text_layers
    if not (layers and spec.shape.vocabulary):
        return whole // 4 + text_bytes(spec)
    table = min(whole, spec.shape.vocabulary * spec.shape.text_width * VALUE[precision])
    layer = (whole - table) // layers
    return max(table + layer * streams, layer + text_bytes(spec))


def estimate_peaks(spec: ModelSpec, needs: Needs, precision: Precision) -> dict[Strategy, int]:
    """Most bytes on the device in any phase, by strategy."""
    return {
        strategy: max(device_phases(spec, needs, precision, strategy).values())
        for strategy in STRATEGIES
    }
