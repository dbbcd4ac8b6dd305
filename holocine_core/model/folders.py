"""A folder on disk -> the model in it: diffusers' pipeline layout, or a release tree. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.model.card import CARD_NAME, apply_card
from holocine_core.model.components import (
    COMPONENTS,
    ComponentFiles,
    LocatedModel,
    MissingFile,
    beside_text_of,
    loaded_bytes,
    part_in_folder,
    shape_of,
    with_text_encoder,
)
from holocine_core.model.config_schema import read_config
from holocine_core.model.home import pull_command
from holocine_core.model.on_disk import FOLD_CLASS, PLACED_CLASS
from holocine_core.model.release import find_release, locate_release
from holocine_core.model.spec import (
    FOLD_STRIDE,
    MODELS,
    WAN_VAE,
    FoldShape,
    ModelSpec,
    NetworkShape,
    VaeShape,
)
from holocine_core.script.timeline import TEMPORAL_STRIDE
from holocine_core.store.files import load_json

INDEX_NAME = "model_index.json"
_CLASSES: Mapping[str, tuple[str, ...]] = {
    "text_encoder": ("UMT5EncoderModel",),
    "transformer": ("WanTransformer3DModel", PLACED_CLASS),
    "transformer_2": ("WanTransformer3DModel", PLACED_CLASS),
    "vae": ("AutoencoderKLWan", FOLD_CLASS),
}
_INCOMPLETE = "the folder is incomplete: copy or save the model again"


def locate_folder(folder: Path, spec: ModelSpec | None = None) -> LocatedModel:
    """The model in ``folder``; described by ``spec`` where the caller knows it already.

    Raises:
        InputError: Where the folder holds no model, or a network of another kind.
    """
    if not (folder / INDEX_NAME).is_file():
        base, root = find_release(folder)
        return locate_release(base, root)
    if spec is None:
        spec = spec_from_folder(folder)
    names = [name for name in COMPONENTS if name != "transformer_2" or spec.experts == 2]
    found = [part_in_folder(folder / name, name, hint=_INCOMPLETE) for name in names]
    return LocatedModel(
        spec=spec,
        folder=folder,
        components={part.name: part for part in found if isinstance(part, ComponentFiles)},
        missing=tuple(part for part in found if isinstance(part, MissingFile)),
    )


def locate_parted(spec: ModelSpec, root: Path) -> LocatedModel:
    """A model of the table whose parts lie below the folders of their sources."""
    hint = pull_command(spec.name, root)
    names = [name for name in COMPONENTS if name != "transformer_2" or spec.experts == 2]
    found = []
    for name in names:
        source = next(s for s in spec.sources if f"{name}/*" in s.files)
        found.append(part_in_folder(root / source.folder / name, name, hint=hint))
    own = root / spec.sources[0].folder / "transformer" / "config.json"
    if own.is_file():
        shape = shape_of(read_config(own, "transformer"), own)
        spec = replace(spec, shape=beside_text_of(shape, spec.shape))
    parts = {part.name: part for part in found if isinstance(part, ComponentFiles)}
    codec = parts["vae"].config if "vae" in parts else None
    if codec is not None:
        config = read_config(codec, "vae")
        _decodable(config, codec)
        spec = replace(spec, vae=vae_shape(config, codec))
    return LocatedModel(
        spec=spec,
        folder=root / spec.sources[0].folder,
        components=parts,
        missing=tuple(part for part in found if isinstance(part, MissingFile)),
    )


def spec_from_folder(folder: Path) -> ModelSpec:
    """What the configs in a folder, and its card, say about the model.

    A pipeline without a card is described as stock Wan is trained: full attention, 81 frames at
    16 frames per second, with the sampling settings of the full 14B model.

    Raises:
        InputError: Where a config is missing or describes a network that is no text-to-video Wan.
    """
    if not (folder / INDEX_NAME).is_file():
        base, root = find_release(folder)
        return locate_release(base, root).spec
    index = load_json(folder / INDEX_NAME)
    experts = 2 if _class_of(index, "transformer_2") else 1
    configs = {
        name: _config(folder, index, name)
        for name in _CLASSES
        if name != "transformer_2" or experts == 2
    }
    shape = shape_of(configs["transformer"], folder / "transformer" / "config.json")
    _agree(folder, configs, shape)
    vae_config = folder / "vae" / "config.json"
    _decodable(configs["vae"], vae_config)
    stock = next(spec for spec in MODELS.values() if spec.sources and spec.attention == "full")
    card = folder / CARD_NAME
    spec = replace(
        stock,
        name=folder.resolve().name,
        summary=f"the model in {folder}",
        experts=experts,
        boundary=_boundary(folder, index) if experts == 2 else 0.0,
        shape=with_text_encoder(shape, configs["text_encoder"]),
        fps=16,
        max_frames=81,
        licence="as the folder's owner says",
        vae=vae_shape(configs["vae"], vae_config),
        text_padding=True,
        low_precision_timestep=False,
        sources=(),
        note=f"{folder} brings no {CARD_NAME}: these are the settings of stock Wan",
    )
    if card.is_file():
        spec = apply_card(replace(spec, note=""), card)
    parts = locate_folder(folder, spec).components
    return replace(spec, weight_bytes=loaded_bytes(parts))


def _decodable(config: Mapping[str, Any], path: Path) -> None:
    """Refuse VAEs whose grid is another than their layers make: Wan's have 4 frames a latent, and
    8 pixels, or 16 where pixels are folded."""
    shape = vae_shape(config, path)
    stride, channels, doubled = FOLD_STRIDE, 3, 2
    if not isinstance(shape, FoldShape):
        stride, channels, doubled = shape.stride, shape.channels, sum(shape.doubles_frames)
    wanted = {
        "scale_factor_temporal": TEMPORAL_STRIDE,
        "scale_factor_spatial": stride,
        "in_channels": channels,
        "out_channels": channels,
    }
    silent = {"scale_factor_temporal": TEMPORAL_STRIDE, "scale_factor_spatial": 8}
    odd = [
        f"{name} is {given} and must be {value}"
        for name, value in wanted.items()
        if (given := config.get(name, silent.get(name, 3))) != value
    ]
    if 1 << doubled != TEMPORAL_STRIDE:
        odd.append(f"it doubles frames {doubled} times and must do it twice")
    if odd:
        raise InputError(
            f"the VAE is none of Wan's: {'; '.join(odd)}",
            where=str(path),
            hint="use a model with Wan2.1's VAE, such as Wan2.2-T2V-A14B, or with Wan2.2's",
        )


def vae_shape(config: Mapping[str, Any], path: Path) -> VaeShape | FoldShape:
    """The decoder's dimensions by its config; Wan2.1's where an AutoencoderKLWan's is silent.

    Raises:
        InputError: Where an AutoencoderFold's config at ``path`` does not give them.
    """
    if config.get("_class_name") == FOLD_CLASS:
        return FoldShape(
            latent_channels=config.get("z_dim", 0),
            widths=_three(config, "decoder_widths", path),
            blocks=_three(config, "decoder_blocks", path),
        )
    wan = WAN_VAE
    return VaeShape(
        base=config.get("decoder_base_dim") or config.get("base_dim", wan.base),
        latent_channels=config.get("z_dim", wan.latent_channels),
        multipliers=tuple(config.get("dim_mult", wan.multipliers)),
        res_blocks=config.get("num_res_blocks", wan.res_blocks),
        doubles_frames=tuple(reversed(config.get("temperal_downsample", (False, True, True)))),
        residual=config.get("is_residual", False),
        patch=config.get("patch_size") or 1,
    )


def _three(config: Mapping[str, Any], name: str, path: Path) -> tuple[int, int, int]:
    match config.get(name):
        case [int(low), int(middle), int(high)]:
            return low, middle, high
    raise InputError(
        f"{name} must be three whole numbers, not {config.get(name)}",
        where=str(path),
        hint="give the config.json that was written with the weights",
    )


def _class_of(index: Mapping[str, Any], name: str) -> str:
    """The class that model_index.json names for a part; empty where it has none."""
    entry = index.get(name)
    if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str):
        return entry[1]
    return ""


def _config(folder: Path, index: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = _class_of(index, name)
    if found not in _CLASSES[name]:
        raise InputError(
            f"{name} must be a {' or '.join(_CLASSES[name])}, not {found or 'nothing'}",
            where=str(folder / INDEX_NAME),
            hint="give a text-to-video Wan pipeline",
        )
    config = read_config(folder / name / "config.json", name)
    if config.get("_class_name", found) != found:
        raise InputError(
            f"this is the config of a {config['_class_name']}, the index names a {found}",
            where=str(folder / name / "config.json"),
            hint=_INCOMPLETE,
        )
    return config


def _boundary(folder: Path, index: Mapping[str, Any]) -> float:
    boundary = index.get("boundary_ratio")
    if isinstance(boundary, float) and 0 < boundary < 1:
        return boundary
    raise InputError(
        f"two transformers need a boundary_ratio between 0 and 1, not {boundary!r}",
        where=str(folder / INDEX_NAME),
    )


def _agree(folder: Path, configs: Mapping[str, Mapping[str, Any]], shape: NetworkShape) -> None:
    """Raise InputError where the networks of a pipeline do not fit together."""
    second = configs.get("transformer_2")
    if second is not None:
        other = shape_of(second, folder / "transformer_2" / "config.json")
        if other != shape:
            raise InputError("the two transformers differ in shape", where=str(folder))
    pairs = (
        ("text_encoder", "d_model", configs["text_encoder"].get("d_model"), shape.text_width),
        ("vae", "z_dim", configs["vae"].get("z_dim"), shape.latent_channels),
    )
    for name, key, given, wanted in pairs:
        if given != wanted:
            raise InputError(
                f"{key} is {given}, but the transformer expects {wanted}",
                where=str(folder / name / "config.json"),
                hint="the parts of a pipeline must come from one model",
            )
