"""What model the files of a folder make: HoloCine, the small Wan or stock Wan. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.model.card import CARD_NAME, apply_card
from holocine_core.model.components import (
    ComponentFiles,
    beside_text_of,
    loaded_bytes,
    shape_of,
    vae_shape,
    with_text_encoder,
)
from holocine_core.model.file_words import is_holocine, is_stock, variant_at, variant_of
from holocine_core.model.part_files import config_of, path_of
from holocine_core.model.search import EXPERTS, Choice, Found, models_of
from holocine_core.model.spec import MODELS, WAN_1_3B, ModelSpec
from holocine_core.model.stock import on_grid, stock_wan
from holocine_core.sampling import Attention
from holocine_core.store.files import load_json


def described(
    folder: Path, choice: Choice, experts: int, parts: Mapping[str, ComponentFiles]
) -> ModelSpec:
    """The model's description: HoloCine's, the small Wan's, or stock Wan's; with the folder's card.

    Raises:
        InputError: Names do not tell the variant, or contradict each other; parts do not fit
            together; or the card makes no sense.
    """
    held = [choice.parts[name] for name in EXPERTS if name in parts]
    card = folder / CARD_NAME
    told = load_json(card) if card.is_file() else {}
    attention = variant(held, models_of(folder), folder, told.get("attention"))
    first = parts["transformer" if "transformer" in parts else "transformer_2"]
    spec = _base(folder, attention, experts, held)
    shape = shape_of(config_of(first, "transformer"), path_of(first))
    if "text_encoder" in parts:
        shape = with_text_encoder(shape, config_of(parts["text_encoder"], "text_encoder"))
    else:
        shape = beside_text_of(shape, spec.shape)
    spec = replace(spec, shape=shape, sources=(), parted=False)
    if "vae" in parts:
        spec = replace(spec, vae=vae_shape(config_of(parts["vae"], "vae"), path_of(parts["vae"])))
    require_fit(parts, spec)
    spec = on_grid(spec)
    if card.is_file():
        spec = apply_card(replace(spec, note=""), card)
    return replace(spec, weight_bytes={**spec.weight_bytes, **loaded_bytes(parts)})


def variant(held: list[Found], root: Path, folder: Path, said: object = None) -> Attention | None:
    """HoloCine's variant by the names of its experts' files; None for stock Wan.

    Args:
        held: The experts.
        root: The folder up to which folders' names count.
        folder: Which the user gave.
        said: What its card says, which goes before names.

    Raises:
        InputError: Names do not tell it, or contradict each other.
    """
    if said in ("full", "sparse"):
        return "full" if said == "full" else "sparse"
    by_file = {one.path: variant_of(one.path.stem) for one in held}
    named = {name for name in by_file.values() if name}
    if len(named) > 1:
        pair = " and ".join(path.name for path in by_file)
        raise InputError(
            f"{pair} are of different variants of HoloCine",
            where=str(folder),
            hint="give both experts of one variant: --expert-high FILE --expert-low FILE",
        )
    found = named or {name for one in held if (name := variant_at(one.path, root))}
    if len(found) == 1:
        return found.pop()
    paths = [one.path for one in held]
    ours = any(is_holocine(path, root) for path in paths)
    if not ours and all(is_stock(path, root) for path in paths):
        return None
    raise InputError(
        f"nothing says whether {' and '.join(path.name for path in paths)}"
        f" {'are' if len(paths) > 1 else 'is'} HoloCine's full or its sparse variant",
        where=str(paths[0]),
        hint=f'write {{"attention": "sparse"}} (or "full") into {folder / CARD_NAME}, or put the'
        " word into the files' names",
    )


def _base(folder: Path, attention: Attention | None, experts: int, held: list[Found]) -> ModelSpec:
    if experts == 2 and attention is not None:
        return MODELS[f"holocine-14b-{attention}"]
    name, summary = folder.resolve().name, f"the model in {folder}"
    small = WAN_1_3B.shape
    if held[0].kind.sizes.get("width") == small.width and experts == 1:
        return replace(WAN_1_3B, name=name, summary=summary)
    note = f"nothing in {folder} says otherwise: these are the settings of stock Wan"
    return replace(
        stock_wan(), name=name, summary=summary, experts=experts,
        boundary=stock_wan().boundary if experts == 2 else 0.0,
        attention=attention or "full", note=note,
    )  # fmt: skip


def require_fit(parts: Mapping[str, ComponentFiles], spec: ModelSpec) -> None:
    """Raise InputError where parts do not belong together."""
    problems = list[Problem]()
    shapes = {
        name: shape_of(config_of(parts[name], name), path_of(parts[name]))
        for name in EXPERTS
        if name in parts
    }
    if len(set(shapes.values())) > 1:
        names = " and ".join(parts[name].paths[0].name for name in shapes)
        problems.append(Problem(f"{names} differ in shape", parts["transformer"].where))
    if "text_encoder" in parts:
        width = config_of(parts["text_encoder"], "text_encoder").get("d_model")
        if width != spec.shape.text_width:
            problems.append(_unfit(parts["text_encoder"], "d_model", width, spec.shape.text_width))
    if "vae" in parts:
        latents = config_of(parts["vae"], "vae").get("z_dim")
        if latents != spec.shape.latent_channels:
            problems.append(_unfit(parts["vae"], "z_dim", latents, spec.shape.latent_channels))
    if problems:
        raise InputError.of(problems)


def _unfit(part: ComponentFiles, key: str, given: object, wanted: int) -> Problem:
    return Problem(
        f"{part.paths[0].name} has {key} {given}, but the transformer expects {wanted}",
        part.where,
        "the parts of a model must belong together",
    )
