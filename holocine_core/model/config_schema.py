"""What a network's config.json may say: types and sizes, field by field. No torch here.

The libraries that build networks by them trust them: a text where a number belongs ends in whatever
error it happens to meet, and a number far too large in a machine without memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from holocine_core.errors import InputError, Problem
from holocine_core.model.on_disk import FOLD_CLASS
from holocine_core.store.files import load_json

Layers = Annotated[int, Field(ge=1, le=1000)]
Width = Annotated[int, Field(ge=1, le=2**20)]
Few = Annotated[int, Field(ge=1, le=64)]
Rows = Annotated[int, Field(ge=1, le=2**17)]
Tokens = Annotated[int, Field(ge=0, le=2**24)]
Part = Annotated[float, Field(ge=0, le=1)]
Small = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0)]
FLOATS = ("initializer_factor", "layer_norm_epsilon")
"""Of a text encoder's config: what is a number with a point, however it is written."""
_SHOWN = 5


class _Config(BaseModel):
    """Fields that are named here are checked; of others ``empty_network`` knows whether they are
    any. What is left out is the network's own default."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    name_: str | None = Field(None, alias="_class_name")


class WanConfig(_Config):
    """Of diffusers' WanTransformer3DModel."""

    patch_size: Annotated[list[Few], Field(min_length=3, max_length=3)] | None = None
    num_attention_heads: Annotated[int, Field(ge=1, le=1024)] = 40
    attention_head_dim: Annotated[int, Field(ge=2, le=4096, multiple_of=2)] = 128
    in_channels: Width = 16
    out_channels: Width = 16
    text_dim: Width = 4096
    freq_dim: Annotated[int, Field(ge=2, le=2**16, multiple_of=2)] = 256
    ffn_dim: Width = 13824
    num_layers: Layers = 40
    cross_attn_norm: bool = True
    qk_norm: str | None = None
    eps: Small = 1e-6
    image_dim: Width | None = None
    added_kv_proj_dim: Width | None = None
    rope_max_seq_len: Rows = 1024
    pos_embed_seq_len: Rows | None = None


class VaeConfig(_Config):
    """Of diffusers' AutoencoderKLWan."""

    base_dim: Width = 96
    decoder_base_dim: Width | None = None
    z_dim: Width = 16
    dim_mult: Annotated[list[Few], Field(min_length=2, max_length=8)] = [1, 2, 4, 4]
    num_res_blocks: Few = 2
    attn_scales: list[float] = []
    temperal_downsample: list[bool] = [False, True, True]
    dropout: Part = 0.0
    latents_mean: list[float] | None = None
    latents_std: list[Spread] | None = None
    is_residual: bool = False
    in_channels: Width = 3
    out_channels: Width = 3
    patch_size: Few | None = None
    scale_factor_temporal: Few | None = 4
    scale_factor_spatial: Few | None = 8

    @model_validator(mode="after")
    def _agree(self) -> VaeConfig:
        if len(self.temperal_downsample) != len(self.dim_mult) - 1:
            raise ValueError("temperal_downsample must have one entry less than dim_mult")
        _refuse_other_lengths(self.z_dim, self.latents_mean, self.latents_std)
        return self


class FoldConfig(_Config):
    """Of our AutoencoderFold."""

    z_dim: Width = 24
    encoder_widths: Annotated[list[Width], Field(min_length=2, max_length=2)] = [256, 128]
    decoder_widths: Annotated[list[Width], Field(min_length=3, max_length=3)] = [192, 96, 48]
    decoder_blocks: Annotated[list[Few], Field(min_length=3, max_length=3)] = [2, 2, 1]
    latents_mean: list[float] | None = None
    latents_std: list[Spread] | None = None
    scale_factor_temporal: Few = 4
    scale_factor_spatial: Few = 8

    @model_validator(mode="after")
    def _agree(self) -> FoldConfig:
        _refuse_other_lengths(self.z_dim, self.latents_mean, self.latents_std)
        return self


class TextConfig(_Config):
    """Of transformers' UMT5EncoderModel."""

    model_type: str | None = None
    vocab_size: Annotated[int, Field(ge=1, le=2**24)] = 250112
    d_model: Width = 512
    d_kv: Width = 64
    d_ff: Width = 1024
    num_layers: Layers = 8
    num_decoder_layers: Annotated[int, Field(ge=0, le=1000)] | None = None
    num_heads: Annotated[int, Field(ge=1, le=1024)] = 6
    relative_attention_num_buckets: Annotated[int, Field(ge=4, le=2**16, multiple_of=2)] = 32
    relative_attention_max_distance: Annotated[int, Field(ge=2, le=2**20)] = 128
    dropout_rate: Part = 0.1
    classifier_dropout: Part = 0.0
    layer_norm_epsilon: Small = 1e-6
    initializer_factor: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    feed_forward_proj: str = "gated-gelu"
    dense_act_fn: str | None = None
    is_gated_act: bool | None = None
    pad_token_id: Tokens | None = 0
    eos_token_id: Tokens | list[Tokens] | None = 1
    decoder_start_token_id: Tokens | None = 0
    is_encoder_decoder: bool = True
    is_decoder: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True


def _refuse_other_lengths(channels: int, *lists: list[float] | None) -> None:
    for told in lists:
        if told is not None and len(told) != channels:
            raise ValueError(
                f"z_dim is {channels}, and latents_mean or latents_std has {len(told)} numbers"
            )


def read_config(path: Path, part: str) -> dict[str, Any]:
    """A part's config.json as it stands there.

    Args:
        path: The file.
        part: Whose it is: text_encoder, transformer, transformer_2 or vae.

    Raises:
        InputError: It can't be read; or one problem per field of a wrong type or an impossible
            size.
    """
    config = load_json(path)
    if config.get("_class_name") == WAN_CLASS:
        config = _of_wan(config, path)
    try:
        _kind(config, part).model_validate(config)
    except ValidationError as error:
        found = error.errors(include_url=False)[:_SHOWN]
        raise InputError.of([_problem(detail, path) for detail in found]) from error
    return config


WAN_CLASS = "WanModel"
"""The class in the config.json of Wan's own release, which names sizes otherwise than diffusers."""
_WAN_KEYS = {
    "ffn_dim": "ffn_dim", "freq_dim": "freq_dim", "num_heads": "num_attention_heads",
    "num_layers": "num_layers", "in_dim": "in_channels", "out_dim": "out_channels", "eps": "eps",
    "text_dim": "text_dim",
}  # fmt: skip


def _of_wan(told: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The config of a WanTransformer3DModel out of one of Wan's own.

    Raises:
        InputError: It is no text-to-video model's, or gives no sizes.
    """
    kind, width, heads = told.get("model_type", "t2v"), told.get("dim"), told.get("num_heads")
    if kind != "t2v":
        raise InputError(
            f"this is the config of a {kind} transformer of Wan's, not of a text-to-video one",
            where=str(path),
            hint="take a text-to-video file (T2V), such as HoloCine's own",
        )
    if not isinstance(width, int) or not isinstance(heads, int) or heads < 1 or width % heads:
        raise InputError(
            f"dim must be a multiple of num_heads: they are {width!r:.40} and {heads!r:.40}",
            where=str(path),
            hint="take the config.json that belongs to the weights",
        )
    sizes = {ours: told[theirs] for theirs, ours in _WAN_KEYS.items() if theirs in told}
    patch = {"patch_size": [1, 2, 2], "attention_head_dim": width // heads}
    return {"_class_name": "WanTransformer3DModel", **patch, **sizes}


def _kind(config: Mapping[str, Any], part: str) -> type[_Config]:
    if part == "vae":
        return FoldConfig if config.get("_class_name") == FOLD_CLASS else VaeConfig
    return TextConfig if part == "text_encoder" else WanConfig


def _problem(detail: ErrorDetails, path: Path) -> Problem:
    hint = "take the config.json that belongs to the weights"
    if detail["type"] == "value_error":
        return Problem(detail["msg"].removeprefix("Value error, "), str(path), hint)
    # Of a field that may be one of several kinds each is told; the name alone is of use.
    name = "".join(f"[{one}]" if isinstance(one, int) else "" for one in detail["loc"][1:])
    must = detail["msg"].replace("Input should be", "it must be")
    given = f"{detail['input']!r:.60}"
    return Problem(f"{detail['loc'][0]}{name} can't be {given}: {must}", str(path), hint)
