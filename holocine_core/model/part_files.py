"""A file that is known for what it is -> a model's part, with its config. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.model.components import PART_WORDS, ComponentFiles, Form
from holocine_core.model.config_schema import WAN_CLASS, read_config
from holocine_core.model.kinds import refuse_others
from holocine_core.model.search import EXPERTS, Found, look_at, named_file
from holocine_core.store.files import load_json

CONFIGS = Path(__file__).parent / "configs"
SHIPPED: Mapping[str, tuple[Path, ...]] = {
    "transformer": (
        CONFIGS / "wan2.2-t2v-a14b" / "transformer" / "config.json",
        CONFIGS / "wan2.1-t2v-1.3b" / "transformer" / "config.json",
    ),
    "text_encoder": (CONFIGS / "wan2.2-t2v-a14b" / "text_encoder" / "config.json",),
    "vae": (CONFIGS / "wan2.2-t2v-a14b" / "vae" / "config.json",),
}
_KNOWN_BY = {"transformer": "num_layers", "text_encoder": "d_model", "vae": "z_dim"}
"""A key that no other part's config has."""


def found_of(path: Path, part: str, root: Path) -> Found:
    """A file that was said to be a part.

    Raises:
        InputError: It is none, or holds another network.
    """
    paths = named_file(path)
    one = look_at(paths, root)
    if one.lacks:
        raise InputError(
            f"the shard {one.lacks[0].name} is not there",
            where=str(one.lacks[0].parent),
            hint=f"fetch {one.lacks[0].name}",
        )
    refuse_others(one.kind, one.path)
    wanted = "transformer" if part in EXPERTS else part
    if one.kind.part != wanted:
        raise InputError(
            f"{one.path.name} is {one.kind.what} and can not be {PART_WORDS[part]}",
            where=str(one.path),
            hint=one.kind.hint or f"name a file that holds {PART_WORDS[part]}",
        )
    if part in EXPERTS and one.noise not in ("", EXPERTS[part]):
        raise InputError(
            f"{one.path.name} names itself {one.noise} and is given as {PART_WORDS[part]}",
            where=str(one.path),
            hint="exchange the two files, or give the file another name",
        )
    return one


def component(one: Found, part: str) -> ComponentFiles:
    """The files of a part with the config that belongs to them.

    Raises:
        InputError: None is known for a network of this size.
    """
    return ComponentFiles(
        name=part, form=one.kind.form, paths=one.paths, config=_config_of(one, part)
    )


def tokenizer_file(path: Path) -> ComponentFiles:
    """A tokenizer: its own file, or the text encoder's that brings it.

    Raises:
        InputError: There is no such file, or it is none.
    """
    if not path.is_file() or path.suffix not in (".json", ".model", ".safetensors"):
        raise InputError(
            f"{path} is no tokenizer's file",
            where=str(path),
            hint="name tokenizer.json, spiece.model, or a text encoder that brings its own",
        )
    form: Form = "diffusers" if path.suffix == ".json" else "spiece"
    return ComponentFiles(name="tokenizer", form=form, paths=(path,))


def _config_of(one: Found, part: str) -> Path:
    part = part.removesuffix("_2")
    own = one.path.with_suffix(".json")
    if own.is_file():
        return own
    beside = one.path.parent / "config.json"
    told = load_json(beside) if beside.is_file() else {}
    if _KNOWN_BY[part] in told and told.get("_class_name") != WAN_CLASS:
        return beside
    for config in SHIPPED[part]:
        if _fits(one, load_json(config), part):
            return config
    if told.get("_class_name") == WAN_CLASS and one.kind.form != "gguf":
        return beside
    raise _of_no_size(one, part)


def _fits(one: Found, config: Mapping[str, Any], part: str) -> bool:
    """Whether a config gives the sizes that a file's tensors have."""
    given = dict(one.kind.sizes)
    if part == "transformer":
        width = config["num_attention_heads"] * config["attention_head_dim"]
        return given == {**{k: config.get(k) for k in given}, "width": width}
    if part == "vae":
        return given == {"z_dim": config["z_dim"], "width": config["base_dim"] * 4}
    # Vocabularies are padded to what suits a machine; the network's own check compares them.
    return all(config.get(key) == size for key, size in given.items() if key != "vocab_size")


def _of_no_size(one: Found, part: str) -> InputError:
    sizes = ", ".join(f"{key} {size}" for key, size in one.kind.sizes.items())
    return InputError(
        f"{one.path.name} is {one.kind.what}, of no size that was published: {sizes}",
        where=str(one.path),
        hint=f"put its config.json, in diffusers' layout, beside it as {one.path.stem}.json",
    )


def config_of(part: ComponentFiles, name: str) -> dict[str, Any]:
    """A part's config; InputError where it makes no sense."""
    return read_config(path_of(part), name)


def path_of(part: ComponentFiles) -> Path:
    """Where a network's config is."""
    assert part.config is not None
    return part.config
