"""HoloCine's release tree: which file holds which part. No torch here.

    <root>/HoloCine_dit/<attention>/<attention>_{high,low}_noise.safetensors   (or *.gguf)
    <root>/HoloCine_dit/<attention>/config.json                                (optional)
    <root>/Wan2.2-T2V-A14B-Diffusers/{tokenizer,text_encoder,vae}/             or
    <root>/Wan2.2-T2V-A14B/{models_t5_umt5-xxl-enc-bf16.pth,Wan2.1_VAE.pth,google/umt5-xxl/}

A config.json beside the transformers takes the place of the shipped 14B one, and so does
``<name>.json`` beside an original ``<name>.pth``: fine-tunes of other shapes load like the release.
Safetensors win where a folder holds GGUF files too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.model.components import (
    ComponentFiles,
    Form,
    LocatedModel,
    MissingFile,
    beside_text_of,
    loaded_bytes,
    part_in_folder,
    shape_of,
)
from holocine_core.model.config_schema import read_config
from holocine_core.model.home import pull_command
from holocine_core.model.spec import MODELS, ModelSpec

TREE = "HoloCine_dit"
CONFIGS = Path(__file__).parent / "configs" / "wan2.2-t2v-a14b"
NOISES: Mapping[str, str] = {"transformer": "high_noise", "transformer_2": "low_noise"}
ORIGINAL_WAN = "Wan2.2-T2V-A14B"
ORIGINAL_FILES: Mapping[str, str] = {
    "tokenizer": "google/umt5-xxl/tokenizer.json",
    "text_encoder": "models_t5_umt5-xxl-enc-bf16.pth",
    "vae": "Wan2.1_VAE.pth",
}


def find_release(folder: Path) -> tuple[ModelSpec, Path]:
    """The table's model and the tree's root that ``folder`` stands for.

    Raises:
        InputError: Where it is no release tree, or holds both variants.
    """
    by_attention = {
        spec.attention: spec
        for spec in MODELS.values()
        if any(TREE in file for source in spec.sources for file in source.files)
    }
    home = folder.resolve()
    if home.parent.name == TREE and home.name in by_attention:
        return by_attention[home.name], home.parent.parent
    held = [name for name in by_attention if _weights_in(folder / TREE / name)]
    if not held:
        raise InputError(
            f"{folder} holds no model",
            where=str(folder),
            hint=f"give a diffusers pipeline (model_index.json) or a folder with {TREE}/full/"
            f" or {TREE}/sparse/ in it",
        )
    if len(held) > 1:
        names = " or ".join(by_attention[name].name for name in held)
        paths = " or ".join(str(folder / TREE / name) for name in held)
        raise InputError(
            f"{folder} holds more than one model",
            where=str(folder / TREE),
            hint=f"name the model ({names}) with this as the models folder, or give {paths}",
        )
    return by_attention[held[0]], folder


def locate_release(spec: ModelSpec, root: Path) -> LocatedModel:
    """The files of a released model below ``root``; its shape from a config beside them."""
    hint = pull_command(spec.name, root)
    home = root / TREE / spec.attention
    found = [
        *(_component(root, spec, name, hint) for name in ORIGINAL_FILES),
        *(_expert(home, name, hint) for name in NOISES),
    ]
    parts = {part.name: part for part in found if isinstance(part, ComponentFiles)}
    missing = tuple(part for part in found if isinstance(part, MissingFile))
    if len(missing) == 1 and missing[0].part not in NOISES:
        # All else weighs 57 GB.
        alone = pull_command(spec.name, root, missing[0].part)
        missing = (replace(missing[0], hint=alone),)
    own = home / "config.json"
    if own.is_file():
        shape = shape_of(read_config(own, "transformer"), own)
        spec = replace(spec, shape=beside_text_of(shape, spec.shape))
    if own.is_file() or any(part.form == "gguf" for part in parts.values()):
        spec = replace(spec, weight_bytes={**spec.weight_bytes, **loaded_bytes(parts)})
    return LocatedModel(
        spec=spec,
        folder=root,
        components=parts,
        missing=missing,
    )


def _weights_in(folder: Path) -> list[Path]:
    return [*folder.glob("*_noise*.safetensors"), *folder.glob("*_noise*.gguf")]


def _expert(home: Path, name: str, hint: str) -> ComponentFiles | MissingFile:
    noise = NOISES[name]
    own = home / "config.json"
    config = own if own.is_file() else CONFIGS / "transformer" / "config.json"
    usual = home / f"{home.name}_{noise}.safetensors"
    if usual.is_file():
        return ComponentFiles(name=name, form="original", paths=(usual,), config=config)
    kinds: tuple[tuple[str, Form], ...] = ((".safetensors", "original"), (".gguf", "gguf"))
    for suffix, form in kinds:
        others = sorted(home.glob(f"*{noise}*{suffix}"))
        if len(others) > 1:
            raise InputError(
                f"{home} holds {len(others)} {noise} files: {', '.join(p.name for p in others)}",
                where=str(home),
                hint="keep one of them there",
            )
        if others:
            return ComponentFiles(name=name, form=form, paths=(others[0],), config=config)
    return MissingFile(part=name, path=usual, hint=hint)


def _component(root: Path, spec: ModelSpec, name: str, hint: str) -> ComponentFiles | MissingFile:
    """A part of Wan's own, in diffusers' layout or else in the original one."""
    source = next(s for s in spec.sources if any(f.startswith(f"{name}/") for f in s.files))
    found = part_in_folder(root / source.folder / name, name, hint=hint)
    original = root / ORIGINAL_WAN / ORIGINAL_FILES[name]
    if isinstance(found, ComponentFiles) or not original.is_file():
        return found
    if name == "tokenizer":
        return ComponentFiles(name=name, form="diffusers", paths=(original,))
    own = original.with_suffix(".json")
    config = own if own.is_file() else CONFIGS / name / "config.json"
    return ComponentFiles(name=name, form="pth", paths=(original,), config=config)
