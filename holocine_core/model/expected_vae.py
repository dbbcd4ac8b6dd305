"""Names and shapes of a VAE's weights by its config: Wan's of both generations, and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from holocine_core.model.config_schema import FoldConfig, VaeConfig
from holocine_core.model.on_disk import FOLD_CLASS

Shapes = dict[str, tuple[int, ...]]
"""Parameter -> shape."""
Named = Iterator[tuple[str, tuple[int, ...]]]

_FOLDED, _STRIDE, _RGB = 4, 8, 3
_BLOCK = _RGB * _FOLDED * _STRIDE**2


def vae_shapes(config: Mapping[str, Any]) -> Shapes:
    """Parameter -> shape, by diffusers' names or, of our AutoencoderFold, by its own."""
    if config.get("_class_name") == FOLD_CLASS:
        return dict(_fold(FoldConfig.model_validate(config)))
    return dict(_wan(VaeConfig.model_validate(config)))


def _conv(name: str, inputs: int, outputs: int, *kernel: int) -> Named:
    yield f"{name}.weight", (outputs, inputs, *kernel)
    yield f"{name}.bias", (outputs,)


# --- Wan's ---------------------------------------------------------------------------------------


def _wan(told: VaeConfig) -> Named:
    codes = 2 * told.z_dim
    yield from _encoder(told, codes)
    yield from _conv("quant_conv", codes, codes, 1, 1, 1)
    yield from _conv("post_quant_conv", told.z_dim, told.z_dim, 1, 1, 1)
    yield from _decoder(told)


def _encoder(told: VaeConfig, codes: int) -> Named:
    widths = [told.base_dim * times for times in (1, *told.dim_mult)]
    last = len(told.dim_mult) - 1
    yield from _conv("encoder.conv_in", told.in_channels, widths[0], 3, 3, 3)
    at = 0
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        ends = [inputs, *[outputs] * told.num_res_blocks]
        in_time = level != last and told.temperal_downsample[level]
        if told.is_residual:
            home = f"encoder.down_blocks.{level}"
            for number, (a, b) in enumerate(pairwise(ends)):
                yield from _residual(f"{home}.resnets.{number}", a, b)
            if level != last:
                yield from _resampling(f"{home}.downsampler", outputs, outputs, in_time, 1)
            continue
        for a, b in pairwise(ends):
            yield from _residual(f"encoder.down_blocks.{at}", a, b)
            at += 1
        if level != last:
            yield from _resampling(f"encoder.down_blocks.{at}", outputs, outputs, in_time, 1)
            at += 1
    yield from _middle("encoder", widths[-1])
    yield from _norm("encoder.norm_out", widths[-1], 3)
    yield from _conv("encoder.conv_out", widths[-1], codes, 3, 3, 3)


def _decoder(told: VaeConfig) -> Named:
    base, down = told.decoder_base_dim or told.base_dim, told.temperal_downsample[::-1]
    levels = [told.dim_mult[-1], *told.dim_mult[::-1]]
    widths = [base * times for times in levels]
    last = len(told.dim_mult) - 1
    yield from _conv("decoder.conv_in", told.z_dim, widths[0], 3, 3, 3)
    yield from _middle("decoder", widths[0])
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        home = f"decoder.up_blocks.{level}"
        # Of the first generation the step up halves the channels.
        enters = inputs // 2 if level and not told.is_residual else inputs
        ends = [enters, *[outputs] * (told.num_res_blocks + 1)]
        for number, (a, b) in enumerate(pairwise(ends)):
            yield from _residual(f"{home}.resnets.{number}", a, b)
        if level == last:
            continue
        if told.is_residual:
            yield from _resampling(f"{home}.upsampler", outputs, outputs, down[level], 2)
        else:
            yield from _resampling(f"{home}.upsamplers.0", outputs, outputs // 2, down[level], 2)
    yield from _norm("decoder.norm_out", widths[-1], 3)
    yield from _conv("decoder.conv_out", widths[-1], told.out_channels, 3, 3, 3)


def _norm(name: str, width: int, ones: int) -> Named:
    yield f"{name}.gamma", (width, *[1] * ones)


def _residual(home: str, inputs: int, outputs: int) -> Named:
    yield from _norm(f"{home}.norm1", inputs, 3)
    yield from _conv(f"{home}.conv1", inputs, outputs, 3, 3, 3)
    yield from _norm(f"{home}.norm2", outputs, 3)
    yield from _conv(f"{home}.conv2", outputs, outputs, 3, 3, 3)
    if inputs != outputs:
        yield from _conv(f"{home}.conv_shortcut", inputs, outputs, 1, 1, 1)


def _resampling(home: str, inputs: int, outputs: int, in_time: bool, times: int) -> Named:
    yield from _conv(f"{home}.resample.1", inputs, outputs, 3, 3)
    if in_time:
        yield from _conv(f"{home}.time_conv", inputs, times * inputs, 3, 1, 1)


def _middle(side: str, width: int) -> Named:
    home = f"{side}.mid_block"
    yield from _norm(f"{home}.attentions.0.norm", width, 2)
    yield from _conv(f"{home}.attentions.0.to_qkv", width, 3 * width, 1, 1)
    yield from _conv(f"{home}.attentions.0.proj", width, width, 1, 1)
    for number in (0, 1):
        yield from _residual(f"{home}.resnets.{number}", width, width)


# --- ours ----------------------------------------------------------------------------------------


def _fold(told: FoldConfig) -> Named:
    z, (first, second) = told.z_dim, told.encoder_widths
    yield from _conv("encoder.linear", _BLOCK, z, 1, 1)
    yield from _conv("encoder.inner", _BLOCK, first, 1, 1)
    yield from _conv("encoder.around", first, second, 3, 3)
    yield from _conv("encoder.out", second, z, 1, 1)
    low, middle, high = told.decoder_widths
    plain = 4 * _RGB * _FOLDED
    yield from _conv("decoder.linear", z, _BLOCK, 1, 1)
    yield from _conv("decoder.stem", z, low, 3, 3)
    yield from _conv("decoder.widen_middle", low, 4 * middle, 1, 1)
    yield from _conv("decoder.widen_high", middle, 4 * high, 1, 1)
    yield from _conv("decoder.expansion", plain, high, 1, 1)
    yield from _conv("decoder.head", high, plain, 3, 3)
    yield from _steps(told.decoder_widths, told.decoder_blocks)


def _steps(widths: Sequence[int], blocks: Sequence[int]) -> Named:
    for name, width, count in zip(("low", "middle", "high"), widths, blocks, strict=True):
        for number in range(count):
            yield from _conv(f"decoder.{name}.{number}.conv1", width, width, 3, 3)
            yield from _conv(f"decoder.{name}.{number}.conv2", width, width, 3, 3)
