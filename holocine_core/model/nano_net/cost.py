"""What decoding one latent frame with an AutoencoderFold costs. No torch here.

Counted as in cost: two operations per multiply-add of a matrix product, bytes alive at the worst
moment, weights left out. Films of any length need the same memory.
"""

from __future__ import annotations

from holocine_core.model.spec import FOLD_STRIDE, FoldShape

_COLOURS = 3
_HALF = 4 * 4 * _COLOURS
"""Channels of four folded frames at half the resolution."""
_FLOAT32 = 4


def fold_decode_bytes(width: int, height: int, shape: FoldShape) -> int:
    """Bytes alive at the peak of decoding one latent frame in float32, its latents included."""
    low, middle, high = shape.widths
    # Values per latent; at 1/4 and 1/2 of the resolution there are 4 and 16 positions for each.
    plain = 16 * _HALF
    third, second, first = 16 * high, 4 * middle, low
    peaks = (
        # The expansion before and after its shuffle.
        2 * plain,
        # A residual block: what entered, the inner activation, the second convolution.
        plain + 3 * first,
        plain + first + 2 * second,
        plain + 3 * second,
        # The step to 1/2: the level before, its widening shuffled, the expansion's and their sum.
        plain + second + max(2 * third, 3 * third),
        plain + 3 * third,
        # The head: its input, the correction, their sum and that in full resolution.
        2 * plain + 2 * third,
        4 * plain,
    )
    positions = (width // FOLD_STRIDE) * (height // FOLD_STRIDE)
    return _FLOAT32 * positions * (shape.latent_channels + max(peaks))


def fold_decode_flops(width: int, height: int, latent_frames: int, shape: FoldShape) -> int:
    """FLOPs of decoding a clip of ``latent_frames`` latent frames."""
    low, middle, high = shape.widths
    channels, (blocks, middle_blocks, high_blocks) = shape.latent_channels, shape.blocks
    per_latent = channels * 16 * _HALF + 9 * channels * low
    per_latent += blocks * 2 * 9 * low**2 + low * 4 * middle
    per_latent += 4 * (middle_blocks * 2 * 9 * middle**2 + middle * 4 * high)
    per_latent += 16 * (_HALF * high + high_blocks * 2 * 9 * high**2 + 9 * high * _HALF)
    positions = (width // FOLD_STRIDE) * (height // FOLD_STRIDE)
    return 2 * per_latent * positions * latent_frames
