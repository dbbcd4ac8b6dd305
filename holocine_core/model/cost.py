"""What denoising a take costs: floating-point operations and memory. No torch here.

FLOPs count every matrix product as two operations per multiply-add; elementwise work is left out.
Bytes count tensors that are alive at the worst moment, weights left out; they follow from reading
the forward pass of diffusers' WanTransformer3DModel and of the shot-aware attention processor, and
the tests hold them to the real networks. Workspaces of GPU kernels and the allocator's slack come
on top.

Letters: N video token, D width, S shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holocine_core.model.spec import ModelSpec
from holocine_core.sampling import Attention, Cache
from holocine_core.script.timeline import LatentSpan, Timeline

FREQUENCY_WIDTH = 256
"""Sinusoids of Wan's timestep embedding; too small a share to be a column of the table."""
FLOAT32 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The latents of one take.

    Args:
        rows: Latent rows, before patching.
        columns: Latent columns, before patching.
        shots: Latent frames of every shot, end to end from 0.
    """

    rows: int
    columns: int
    shots: tuple[LatentSpan, ...]

    def __post_init__(self) -> None:
        starts = [0, *(span.stop for span in self.shots[:-1])]
        if not self.shots or [span.start for span in self.shots] != starts:
            raise ValueError("shots must follow each other from latent frame 0")

    @property
    def frames(self) -> int:
        """Latent frames."""
        return self.shots[-1].stop


def geometry(spec: ModelSpec, timeline: Timeline, *, width: int, height: int) -> Geometry:
    """The latents of a scene; raises ValueError where the frame size is off the model's grid."""
    if width % spec.size_multiple or height % spec.size_multiple:
        raise ValueError(f"{width}x{height} is no multiple of {spec.size_multiple}")
    return Geometry(
        rows=height // spec.spatial_stride,
        columns=width // spec.spatial_stride,
        shots=timeline.latent_spans,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFlops:
    """FLOPs of one forward pass of one expert, by where they go."""

    projections: int
    """q, k, v, o of self-attention; q, o of cross-attention."""
    feed_forward: int
    self_attention: int
    """Scores and values."""
    cross_attention: int
    """Scores and values."""
    conditioning: int
    """Text projection, k and v of the text in every layer, timestep embedding."""
    ends: int
    """Patch embedding and head."""

    @property
    def total(self) -> int:
        return (
            self.projections
            + self.feed_forward
            + self.self_attention
            + self.cross_attention
            + self.conditioning
            + self.ends
        )


def forward_flops(
    spec: ModelSpec,
    latents: Geometry,
    *,
    attention: Attention | None = None,
    text_rows: Sequence[int] | None = None,
) -> ForwardFlops:
    """FLOPs of one forward pass of one expert over one prompt.

    Args:
        spec: The model.
        latents: The take.
        attention: Self-attention; None takes the one the checkpoint was trained with. Sparse
            costs ``sum_i n_i * (n_i + S * frame_tokens)`` query-key pairs, full ``N ** 2``.
        text_rows: Per shot, the context rows that its tokens attend to; None: all of them.

    Raises:
        ValueError: Where ``text_rows`` is not one per shot.
    """
    shape, layers, width = spec.shape, spec.shape.layers, spec.shape.width
    rows = text_rows if text_rows is not None else [spec.text_tokens] * len(latents.shots)
    per_frame = _frame_tokens(spec, latents)
    tokens = latents.frames * per_frame
    text_pairs = sum(
        len(shot) * per_frame * seen for shot, seen in zip(latents.shots, rows, strict=True)
    )
    patch = shape.latent_channels * shape.patch**2
    text = 2 * spec.text_tokens * width * (shape.text_width + width + layers * 2 * width)
    time = 2 * width * (FREQUENCY_WIDTH + width + 6 * width)
    return ForwardFlops(
        projections=layers * tokens * 6 * 2 * width**2,
        feed_forward=layers * tokens * 2 * 2 * width * shape.ffn,
        self_attention=layers * 4 * width * _self_pairs(spec, latents, attention),
        cross_attention=layers * 4 * width * text_pairs,
        conditioning=text + time,
        ends=tokens * 2 * (2 * patch * width),
    )


def take_flops(
    spec: ModelSpec,
    latents: Geometry,
    *,
    steps: int,
    guided: int,
    attention: Attention | None = None,
    text_rows: Sequence[int] | None = None,
) -> int:
    """FLOPs of denoising a take; guidance adds a pass to each of the first ``guided`` steps, whose
    prompt has no windows."""
    positive = forward_flops(spec, latents, attention=attention, text_rows=text_rows).total
    negative = forward_flops(spec, latents, attention=attention).total if guided else 0
    return steps * positive + guided * negative


def keys_of_token(
    spec: ModelSpec, latents: Geometry, *, attention: Attention | None = None
) -> float:
    """How many tokens a token sees in self-attention, mean."""
    tokens = latents.frames * _frame_tokens(spec, latents)
    return _self_pairs(spec, latents, attention) / tokens


def _frame_tokens(spec: ModelSpec, latents: Geometry) -> int:
    return (latents.rows // spec.shape.patch) * (latents.columns // spec.shape.patch)


def _self_pairs(spec: ModelSpec, latents: Geometry, attention: Attention | None) -> int:
    per_frame = _frame_tokens(spec, latents)
    if (attention or spec.attention) == "full":
        return (latents.frames * per_frame) ** 2
    summary = len(latents.shots) * per_frame
    lengths = [len(shot) * per_frame for shot in latents.shots]
    return sum(length * (length + summary) for length in lengths)


Engine = Literal["loop", "varlen"]


def activation_bytes(
    spec: ModelSpec,
    latents: Geometry,
    *,
    dtype_bytes: Literal[2, 4] = 2,
    attention: Attention | None = None,
    engine: Engine = "varlen",
    lora: bool = False,
) -> int:
    """Bytes alive at the peak of one forward pass without gradients, batch 1, inputs included.

    Args:
        spec: The model.
        latents: The take.
        dtype_bytes: Bytes of one value of the network's computing type.
        attention: As in :func:`forward_flops`.
        engine: How sparse attention gathers keys and values: one shot at a time, or all shots
            packed for one call.
        lora: Whether LoRAs are laid over the network: every layer's output is then held three times
            for a moment (its own, the adapter's, and that scaled, or the sum).
    """
    shape = spec.shape
    tokens = latents.frames * _frame_tokens(spec, latents)
    phases = _phases(spec, latents, dtype_bytes, attention, engine)
    if lora:
        phases["lora"] = dtype_bytes * (4 + 3 * shape.ffn / shape.width)
    peak = max(phases.values())
    rotation = 2 * (shape.width // shape.heads) * FLOAT32
    latent = shape.latent_channels * shape.patch**2 * dtype_bytes
    text = spec.text_tokens * (shape.text_width + shape.width) * dtype_bytes
    return round(tokens * (peak * shape.width + rotation + latent)) + text


def cache_bytes(
    spec: ModelSpec,
    latents: Geometry,
    cache: Cache | None,
    *,
    branches: int,
    dtype_bytes: Literal[2, 4] = 2,
) -> int:
    """Bytes that a cache remembers of earlier steps, of all experts, as sample/caches sets it up.

    Args:
        spec: The model.
        latents: The take.
        cache: Its settings; None for none.
        branches: 2 with guidance, whose branches remember each for itself, else 1.
        dtype_bytes: As in :func:`activation_bytes`.
    """
    if cache is None or not cache.is_on:
        return 0
    values = {
        # What the first block changes, what the others do, and what they began from.
        "first-block": 3 * dtype_bytes,
        # What all blocks change, and what they began from.
        "mag": 2 * dtype_bytes,
        # Both attentions of every block and how fast they change, in float32.
        "taylor": 2 * 2 * FLOAT32 * spec.shape.layers,
    }
    tokens = latents.frames * _frame_tokens(spec, latents)
    return spec.experts * branches * tokens * spec.shape.width * values[cache.kind]


def _phases(
    spec: ModelSpec,
    latents: Geometry,
    value: int,
    attention: Attention | None,
    engine: Engine,
) -> dict[str, float]:
    """Bytes alive per token and channel at the tight moments of one transformer block.

    ``value`` is one [N, D] tensor in the computing type. The block's float32 passages make a copy
    of their input (``copy``) only where that type is another one.
    """
    copy = 0 if value == FLOAT32 else FLOAT32
    widening = spec.shape.ffn / spec.shape.width
    per_frame = _frame_tokens(spec, latents)
    tokens = latents.frames * per_frame
    shots = len(latents.shots)
    gathered = 0.0
    if (attention or spec.attention) == "sparse":
        longest = max(map(len, latents.shots)) * per_frame
        keys = {"loop": longest, "varlen": tokens}[engine]
        summaries = shots * per_frame * {"loop": 1, "varlen": shots}[engine]
        gathered = 2 * value * (keys + summaries) / tokens
    return {
        # hidden states; the norm, its product with the scale, or their sum
        "norm": value + max(copy + FLOAT32, 2 * FLOAT32),
        # hidden states, normed ones, q, k, v, rotated q; float32 halves of the rotated k
        "rotation": 6 * value + 2 * FLOAT32,
        # hidden states, normed ones, q, k, v, output; keys and values of the shots
        "attention": 6 * value + gathered,
        # hidden states, normed ones, q, k, v, output of every shot and of all, or the projection
        "output": 7 * value,
        # hidden states, normed ones, output; float32: their copy, gated output, sum
        "self residual": 3 * value + copy + 2 * FLOAT32,
        # the block's input, hidden states, normed ones, output of attention; both widenings
        "feed-forward": 4 * value + 2 * value * widening,
        # as before and the output of the feed-forward; float32: copies, gated output or sum
        "last residual": 5 * value + max(2 * copy + FLOAT32, copy + 2 * FLOAT32),
    }
