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
    vae_shape,
    with_text_encoder,
)
from holocine_core.model.config_schema import read_config
from holocine_core.model.gathered import completed, locate_gathered, with_card, with_files
from holocine_core.model.home import pull_command
from holocine_core.model.on_disk import FOLD_CLASS, PLACED_CLASS
from holocine_core.model.release import find_release, locate_release
from holocine_core.model.spec import FOLD_STRIDE, FoldShape, ModelSpec, NetworkShape
from holocine_core.model.stock import on_grid, stock_wan
from holocine_core.script.timeline import TEMPORAL_STRIDE
from holocine_core.store.files import load_json

INDEX_NAME = "model_index.json"
_CLASSES: Mapping[str, tuple[str, ...]] = {
    "text_encoder": ("UMT5EncoderModel",),
    "transformer": ("WanTransformer3DModel", PLACED_CLASS),
    "transformer_2": ("WanTransformer3DModel", PLACED_CLASS),
    "vae": ("AutoencoderKLWan", FOLD_CLASS),
}
_NOTHING: Mapping[str, Path] = {}
_INCOMPLETE = "the folder is incomplete: copy or save the model again"


def locate_folder(
    folder: Path, spec: ModelSpec | None = None, named: Mapping[str, Path] = _NOTHING
) -> LocatedModel:
    """The model in ``folder``; described by ``spec`` where the caller knows it already.

    Args:
        folder: Of any layout.
        spec: Of a pipeline's model.
        named: Files that take the place of its own, by part; those that its card names come after.

    Raises:
        InputError: Where the folder holds no model, or a network of another kind.
    """
    if not (folder / INDEX_NAME).is_file():
        release = find_release(folder)
        if release is None:
            return locate_gathered(folder, named)
        located = with_files(locate_release(*release), with_card(folder, named))
        return completed(located, release[1])
    if spec is None:
        spec = spec_from_folder(folder)
    names = [name for name in COMPONENTS if name != "transformer_2" or spec.experts == 2]
    found = [part_in_folder(folder / name, name, hint=_INCOMPLETE) for name in names]
    located = LocatedModel(
        spec=spec,
        folder=folder,
        components={part.name: part for part in found if isinstance(part, ComponentFiles)},
        missing=tuple(part for part in found if isinstance(part, MissingFile)),
    )
    return with_files(located, with_card(folder, named))


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
        return locate_folder(folder).spec
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
    card = folder / CARD_NAME
    spec = replace(
        stock_wan(),
        name=folder.resolve().name,
        summary=f"the model in {folder}",
        experts=experts,
        boundary=_boundary(folder, index) if experts == 2 else 0.0,
        shape=with_text_encoder(shape, configs["text_encoder"]),
        vae=vae_shape(configs["vae"], vae_config),
        note=f"{folder} brings no {CARD_NAME}: these are the settings of stock Wan",
    )
    spec = on_grid(spec)
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
