"""A model as a pipeline folder in diffusers' layout, whichever layout its parts came in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.model.card import write_card
from holocine_core.model.components import STEMS, ComponentFiles, LocatedModel
from holocine_core.model.config_schema import read_config
from holocine_core.model.folders import INDEX_NAME
from holocine_core.model.on_disk import FOLD_CLASS, FOLD_MODULE, PLACED_CLASS, PLACED_MODULE
from holocine_core.model.spiece import spiece_json
from holocine_core.model.spiece_file import spiece_bytes
from holocine_core.store.files import load_json
from holocine_core.store.tensors import write_tensors

TIED = "encoder.embed_tokens.weight"
"""The embedding's second name in a T5 encoder; a file holds it once."""


def refuse_packed(located: LocatedModel, part: str, doing: str) -> None:
    """Raises InputError where a part's weights are packed: they are no numbers to go on from.

    Args:
        located: The model.
        part: Its part.
        doing: What is to be done with it.
    """
    files = located.component(part)
    if files.form == "gguf":
        raise InputError(
            f"the weights of {part} are packed (GGUF): {doing} needs them as they were made",
            where=files.where,
            hint="take the safetensors file of its publisher, or a LoRA beside the packed one",
        )


def write_pipeline(located: LocatedModel, folder: Path, anew: Collection[str] = ()) -> None:
    """Write a model as a pipeline folder of its own.

    Parts in diffusers' layout are copied; others get diffusers' names and keep their bits.

    Args:
        located: The model.
        folder: Where it goes; not there yet.
        anew: Parts whose weights the caller writes: they come without.

    Raises:
        MachineError: A file is damaged.
        OSError: The disk is full.
    """
    if (located.folder / INDEX_NAME).is_file() and not located.resolved:
        left_out = {str(located.folder / part) for part in anew}
        shutil.copytree(located.folder, folder, ignore=_without_weights(left_out))
        return
    folder.mkdir(parents=True)
    for name, files in located.components.items():
        _write_part(files, folder / name, weights=name not in anew)
    spec = located.spec
    write_index(
        folder,
        load_json(folder / "vae" / "config.json"),
        shift=next(iter(spec.profiles.values())).shift,
        boundary=spec.boundary if spec.experts == 2 else None,
    )
    write_card(folder, spec)


def _without_weights(folders: Collection[str]) -> Callable[[str, list[str]], list[str]]:
    """For copytree: leaves the weights out of some folders."""

    def ignored(folder: str, names: list[str]) -> list[str]:
        # Shards that are replaced leave no index behind.
        ends = (".safetensors", ".safetensors.index.json")
        return [name for name in names if folder in folders and name.endswith(ends)]

    return ignored


def _write_part(files: ComponentFiles, home: Path, *, weights: bool) -> None:
    if files.name == "tokenizer":
        _write_tokenizer(files, home)
        return
    if files.form == "diffusers" and files.paths[0].name.startswith(STEMS[files.name]):
        source = files.paths[0].parent
        left_out = () if weights else (str(source),)
        shutil.copytree(source, home, ignore=_without_weights(left_out))
        return
    from holocine_core.model.weights import named_as_diffusers  # torch wakes here

    assert files.config is not None
    home.mkdir()
    config = read_config(files.config, files.name)
    (home / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if weights:
        state = named_as_diffusers(files)
        kept = {name: value for name, value in state.items() if name != TIED}
        write_tensors(home / f"{STEMS[files.name]}.safetensors", kept, {"format": "pt"})


def _write_tokenizer(files: ComponentFiles, home: Path) -> None:
    """A tokenizer as tokenizer.json, with what lies beside it for transformers."""
    home.mkdir()
    path = files.paths[0]
    if files.form == "spiece":
        text = spiece_json(spiece_bytes(path))
        (home / "tokenizer.json").write_text(text, encoding="utf-8")
        return
    shutil.copyfile(path, home / "tokenizer.json")
    for name in ("tokenizer_config.json", "special_tokens_map.json", "spiece.model"):
        if (path.parent / name).is_file():
            shutil.copyfile(path.parent / name, home / name)


def write_index(
    folder: Path,
    vae: Mapping[str, Any],
    *,
    shift: float,
    placed: bool = False,
    boundary: float | None = None,
) -> None:
    """Write what diffusers wants of a pipeline beside its networks.

    Args:
        folder: The pipeline's.
        vae: The codec's config.
        shift: Timestep shift of its scheduler.
        placed: Whether its transformers know places (nano's).
        boundary: Where the second expert takes over, as a share of the timesteps; None for one
            transformer.
    """
    from diffusers import FlowMatchEulerDiscreteScheduler, __version__

    FlowMatchEulerDiscreteScheduler(shift=shift).save_pretrained(folder / "scheduler")
    transformer = (
        [PLACED_MODULE, PLACED_CLASS] if placed else ["diffusers", "WanTransformer3DModel"]
    )
    index = {
        "_class_name": "WanPipeline",
        "_diffusers_version": __version__,
        "boundary_ratio": boundary,
        "expand_timesteps": False,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        "transformer": transformer,
        "transformer_2": [None, None] if boundary is None else transformer,
        "vae": codec_entry(vae),
    }
    text = json.dumps(index, indent=2) + "\n"
    (folder / INDEX_NAME).write_text(text, encoding="utf-8")


def codec_entry(config: Mapping[str, Any]) -> list[str]:
    """Module and class of a codec, as a pipeline's index names them."""
    kind = config.get("_class_name", "AutoencoderKLWan")
    return [FOLD_MODULE if kind == FOLD_CLASS else "diffusers", kind]
