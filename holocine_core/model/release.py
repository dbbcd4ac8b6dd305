"""HoloCine's release tree: which file holds which part. No torch here.

    <root>/HoloCine_dit/<attention>/<attention>_{high,low}_noise.safetensors   (or *.gguf)
    <root>/HoloCine_dit/<attention>/config.json                                (optional)
    <root>/Wan2.2-T2V-A14B-Diffusers/{tokenizer,text_encoder,vae}/             or
    <root>/Wan2.2-T2V-A14B/{models_t5_umt5-xxl-enc-bf16.pth,Wan2.1_VAE.pth,google/umt5-xxl/}

A config.json beside the transformers takes the place of the shipped 14B one, and so does
``<name>.json`` beside an original ``<name>.pth``: fine-tunes of other shapes load like the release.
Experts may have other names that say which they are, and may be in shards. Safetensors win where a
folder holds GGUF files too. A file that is named after the other variant is that variant's,
whatever its folder: HoloCine's page has people make the folder ``full`` for either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    packing,
    part_in_folder,
    shape_of,
)
from holocine_core.model.config_schema import read_config
from holocine_core.model.file_words import noise_of, variant_of
from holocine_core.model.home import pull_command
from holocine_core.model.kinds import refuse_others
from holocine_core.model.search import grouped, look_at
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


def find_release(folder: Path) -> tuple[ModelSpec, Path] | None:
    """The table's model and the tree's root that ``folder`` stands for; None where it is no
    release tree. Its files' names say the variant before its folders' do.

    Raises:
        InputError: Where it holds both variants.
    """
    home = folder.resolve()
    if home.parent.name == TREE and home.name in _specs():
        held, root = _variants([home]), home.parent.parent
        held = held or [home.name]
    else:
        held, root = _variants([folder / TREE / name for name in _specs()]), folder
    if not held:
        return None
    if len(held) > 1:
        names = " or ".join(_specs()[name].name for name in held)
        paths = " or ".join(str(root / TREE / name) for name in held)
        raise InputError(
            f"{folder} holds more than one model",
            where=str(root / TREE),
            hint=f"name the model ({names}) with this as the models folder, or give {paths}",
        )
    return _specs()[held[0]], root


def _specs() -> dict[str, ModelSpec]:
    """The release's models by their variant."""
    return {
        spec.attention: spec
        for spec in MODELS.values()
        if any(TREE in file for source in spec.sources for file in source.files)
    }


def _variants(homes: Sequence[Path]) -> list[str]:
    """Variants whose experts lie in some of the release's folders, in the table's order."""
    held = {variant_of(group[0].stem) or home.name for home in homes for group in _experts_in(home)}
    return [name for name in _specs() if name in held]


def locate_release(spec: ModelSpec, root: Path) -> LocatedModel:
    """The files of a released model below ``root``; its shape from a config beside them."""
    hint = pull_command(spec.name, root)
    home = root / TREE / spec.attention
    found = [
        *(_component(root, spec, name, hint) for name in ORIGINAL_FILES),
        *(file for name in NOISES for file in _expert(home, name, hint)),
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
    if own.is_file() or packing(parts) is not None:
        spec = replace(spec, weight_bytes={**spec.weight_bytes, **loaded_bytes(parts)})
    return LocatedModel(
        spec=spec,
        folder=root,
        components=parts,
        missing=missing,
    )


def _experts_in(home: Path, noise: str = "") -> list[tuple[Path, ...]]:
    """Weight files of experts in a folder, shards together; of one expert where it is said."""
    files = sorted(path for path in home.glob("*") if path.suffix in (".safetensors", ".gguf"))
    wanted = (noise.removesuffix("_noise"),) if noise else ("high", "low")
    return [group for group in grouped(files) if noise_of(group[0].stem) in wanted]


def _expert(home: Path, name: str, hint: str) -> list[ComponentFiles | MissingFile]:
    """An expert's files: by their usual name, or one that says the expert. Files of the other
    folder that name this variant count, and files here that name the other one do not.

    Raises:
        InputError: More than one could be meant, or it is another network.
    """
    noise = NOISES[name]
    own = home / "config.json"
    config = own if own.is_file() else CONFIGS / "transformer" / "config.json"
    usual = home / f"{home.name}_{noise}.safetensors"
    here = [(usual,)] if usual.is_file() else _experts_in(home, noise)
    mine = [group for group in here if variant_of(group[0].stem) in (None, home.name)]
    if not mine:
        others = [home.with_name(variant) for variant in _specs() if variant != home.name]
        there = [group for other in others for group in _experts_in(other, noise)]
        mine = [group for group in there if variant_of(group[0].stem) == home.name]
    # Safetensors win where a folder holds GGUF files too.
    mine = [group for group in mine if group[0].suffix == ".safetensors"] or mine
    if len(mine) > 1:
        raise InputError(
            f"{home} holds {len(mine)} {noise} files: {', '.join(p[0].name for p in mine)}",
            where=str(home),
            hint="keep one of them there, or say which: "
            f"--expert-{noise.removesuffix('_noise')} FILE",
        )
    if not mine:
        if here:
            hint = f"{here[0][0].name} there is the {variant_of(here[0][0].stem)} variant: {hint}"
        return [MissingFile(part=name, path=usual, hint=hint)]
    paths = mine[0]
    one = look_at(paths, home)
    if one.kind.part:
        refuse_others(one.kind, one.path)
    form: Form = "gguf" if paths[0].suffix == ".gguf" else "original"
    if one.kind.part == "transformer":
        form = one.kind.form
    lacks = [MissingFile(part=name, path=path, hint=f"fetch {path.name}") for path in one.lacks]
    return [ComponentFiles(name=name, form=form, paths=paths, config=config), *lacks]


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
