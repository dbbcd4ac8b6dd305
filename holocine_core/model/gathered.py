"""A folder of files under any names -> the model in it. No torch here.

What its files are is told by :mod:`search`; here they get their configs, and the model its
description: HoloCine's where names say ``full`` or ``sparse``, else stock Wan's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.model.card import CARD_NAME, read_card_files
from holocine_core.model.components import (
    PART_WORDS,
    ComponentFiles,
    LocatedModel,
    MissingFile,
    beside_text_of,
    loaded_bytes,
    shape_of,
)
from holocine_core.model.described import described, require_fit
from holocine_core.model.file_words import variant_of
from holocine_core.model.home import pull_command
from holocine_core.model.part_files import component, config_of, found_of, path_of, tokenizer_file
from holocine_core.model.search import (
    EXPERTS,
    Choice,
    Found,
    choose,
    different_files,
    is_alone,
    models_of,
    survey,
    which,
)
from holocine_core.model.spec import MODELS, ModelSpec

_NOTHING: Mapping[str, Path] = {}


def gathered(folder: Path, named: Mapping[str, Path] = _NOTHING) -> Choice:
    """What lies in a folder, and what of it is taken for which part.

    Args:
        folder: Any.
        named: Files that are said outright, by part; those of the folder's card come after.

    Raises:
        InputError: A file that is named is none, or the folder has too many files.
    """
    root = models_of(folder)
    outright = with_card(folder, named)
    found, tokenizers = survey(root)
    said = {
        part: found_of(path, part, root) for part, path in outright.items() if part != "tokenizer"
    }
    if "tokenizer" in outright:
        return replace(choose(found, (), said), tokenizer=outright["tokenizer"])
    return choose(found, tokenizers, said)


def with_card(folder: Path, named: Mapping[str, Path]) -> dict[str, Path]:
    """Files that are named, by part, and those that a folder's card names."""
    card = folder / CARD_NAME
    return {**(read_card_files(card) if card.is_file() else {}), **named}


def locate_gathered(folder: Path, named: Mapping[str, Path]) -> LocatedModel:
    """The model that the files of a folder make.

    Raises:
        InputError: There is none, two could be meant, or a file is another network's.
    """
    choice = gathered(folder, named)
    if choice.clashes:
        raise InputError.of(choice.clashes)
    whole = {name: one for name, one in choice.parts.items() if not one.lacks}
    parts = {name: component(one, name) for name, one in whole.items()}
    if not parts.keys() & EXPERTS.keys():
        raise no_model(folder, choice)
    if choice.tokenizer is not None:
        parts["tokenizer"] = tokenizer_file(choice.tokenizer)
    experts = _experts(choice)
    spec = described(folder, choice, experts, parts)
    missing = tuple(_missing(folder, spec, choice, experts, parts))
    return LocatedModel(spec=spec, folder=folder, components=parts, missing=missing, resolved=True)


def with_files(located: LocatedModel, named: Mapping[str, Path]) -> LocatedModel:
    """A model with other files in place of some of its own.

    Args:
        located: The model.
        named: Files by part.

    Raises:
        InputError: A file is none of such a part, is of another variant of HoloCine, or does not
            fit the rest.
    """
    if not named:
        return located
    if located.spec.embedded:
        raise InputError(
            f"{located.spec.name} ships whole: none of its files can be another",
            hint="name the model that the files belong to: --model holocine-14b-full, or a folder",
        )
    if located.spec.experts == 1 and "transformer_2" in named:
        raise InputError(
            f"{located.spec.name} has one transformer, and a second one is named",
            where=str(named["transformer_2"]),
            hint="name a model of two experts with --model, or leave --expert-low out",
        )
    parts = dict(located.components)
    for part, path in named.items():
        if part == "tokenizer":
            parts[part] = tokenizer_file(path)
            continue
        one = found_of(path, part, path.parent)
        _require_variant(one, located.spec)
        parts[part] = component(one, part)
        if one.kind.tokenizer and "tokenizer" not in parts:
            parts["tokenizer"] = tokenizer_file(one.path)
    spec = located.spec
    first = parts.get("transformer") or parts.get("transformer_2")
    if first is not None and named.keys() & EXPERTS.keys():
        shape = shape_of(config_of(first, "transformer"), path_of(first))
        spec = replace(spec, shape=beside_text_of(shape, spec.shape))
    require_fit(parts, spec)
    spec = replace(spec, weight_bytes={**spec.weight_bytes, **loaded_bytes(parts)})
    missing = tuple(file for file in located.missing if file.part not in parts)
    return replace(located, spec=spec, components=parts, missing=missing, resolved=True)


def completed(located: LocatedModel, folder: Path) -> LocatedModel:
    """A release with what it lacks beside its experts, where files of the folder can only be that.

    Args:
        located: The release.
        folder: Its root.
    """
    lacks = {file.part for file in located.missing} - EXPERTS.keys()
    if not lacks:
        return located
    found, tokenizers = survey(models_of(folder))
    usable = [one for one in found if not one.kind.why_not and not one.lacks]
    named, unsure = dict[str, Path](), dict[str, str]()
    for part in sorted(lacks - {"tokenizer"}):
        mine = different_files([one for one in usable if one.kind.part == part])
        if len(mine) == 1:
            named[part] = mine[0].path
        elif mine:
            problem = which(mine, part)
            unsure[part] = f"{problem.message}; {problem.hint}"
    if "tokenizer" in lacks and len(tokenizers) == 1:
        named["tokenizer"] = tokenizers[0]
    missing = (replace(one, hint=unsure.get(one.part, one.hint)) for one in located.missing)
    return with_files(replace(located, missing=tuple(missing)), named)


def _require_variant(one: Found, spec: ModelSpec) -> None:
    said = variant_of(one.path.stem)
    if one.kind.part == "transformer" and said is not None and said != spec.attention:
        raise InputError(
            f"{one.path.name} is named {said}, and {spec.name} has {spec.attention} attention",
            where=str(one.path),
            hint=f"--model holocine-14b-{said}, or files of the {spec.attention} variant",
        )


def model_of(named: Mapping[str, Path]) -> str:
    """The table's model whose experts are named and nothing else.

    Raises:
        InputError: Their names do not say which variant of HoloCine's they are.
    """
    said = {variant_of(path.stem) for part, path in named.items() if part in EXPERTS} - {None}
    if len(said) == 1:
        return f"holocine-14b-{said.pop()}"
    raise InputError(
        "the experts' names say neither full nor sparse",
        where=str(next(iter(named.values()), "")),
        hint="name the model too: --model holocine-14b-full, holocine-14b-sparse or a folder",
    )


def no_model(folder: Path, choice: Choice) -> InputError:
    """That a folder holds no expert, or none that is whole."""
    lacks = [path for one in choice.parts.values() for path in one.lacks]
    if lacks:
        return InputError(
            f"{folder} lacks the shard {lacks[0].name}",
            where=str(lacks[0].parent),
            hint=f"fetch {lacks[0].name}",
        )
    return InputError(
        f"{folder} holds no model",
        where=str(folder),
        hint="give a diffusers pipeline (model_index.json), HoloCine's release (HoloCine_dit/full/"
        " or HoloCine_dit/sparse/), or a folder with both experts' files; `holocine models info"
        f" {folder}` lists what is there",
    )


def _experts(choice: Choice) -> int:
    held = [one for name, one in choice.parts.items() if name in EXPERTS]
    return 1 if len(held) == 1 and is_alone(held[0]) else 2


def _missing(
    folder: Path,
    spec: ModelSpec,
    choice: Choice,
    experts: int,
    parts: Mapping[str, ComponentFiles],
) -> list[MissingFile]:
    """What lacks, each with what brings it."""
    # Stock Wan's other parts are HoloCine's.
    name = spec.name if spec.name in MODELS else f"holocine-14b-{spec.attention}"
    lacking = [part for part in PART_WORDS if part not in parts and part not in choice.parts]
    files = []
    for part in lacking:
        if part in EXPERTS:
            if experts == 1:
                continue
            other = "high" if part == "transformer_2" else "low"
            hint = (
                f"put it beside the {other}-noise expert's, or name it: --expert-"
                f"{EXPERTS[part]} FILE"
            )
            files.append(MissingFile(part=part, path=folder / f"*{EXPERTS[part]}*", hint=hint))
        else:
            hint = pull_command(name, folder, part)
            files.append(MissingFile(part=part, path=folder / part, hint=hint))
    shards = [
        MissingFile(part=part, path=path, hint=f"fetch {path.name}")
        for part, one in choice.parts.items()
        for path in one.lacks
    ]
    return [*files, *shards]
