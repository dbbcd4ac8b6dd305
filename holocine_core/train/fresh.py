"""A new model as a pipeline folder: finished codec and text encoder, transformer from nothing.

Training always starts from a folder, so that a run from nothing and a fine-tune are one path.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from holocine_core.errors import InputError
from holocine_core.model.card import write_card
from holocine_core.model.components import MissingFile, part_in_folder
from holocine_core.model.nano_net.positions import (
    WAVES,
    PlacedWanTransformer3DModel,
    PositionedPatches,
)
from holocine_core.model.pipeline import write_index
from holocine_core.model.spec import (
    MODELS,
    ModelSpec,
)
from holocine_core.store.files import load_json, read_json, write_json
from holocine_core.store.vault import disk_errors, file_hash, fingerprint
from holocine_core.train.places import codec_folder, text_folder
from holocine_core.train.recipe import Recipe
from holocine_core.train.recipe_start import Card, New

NOT_THERE = "give the folder that was written when it was trained"
"""What to do where a codec or a text encoder is not where a recipe says."""


def start_folder(recipe: Recipe) -> Path:
    """The pipeline folder a run starts from; a new model is written when it is first needed.

    Raises:
        InputError: The new model's codec or text encoder is not there, or is another one than the
            run was begun with.
    """
    new = recipe.model.new
    if new is None:
        assert recipe.model.folder is not None
        return Path(recipe.model.folder).expanduser()
    out = Path(recipe.out)
    folder, origin = out / "start", out / "start.json"
    begun = any((out / "checkpoints").glob("step-*"))
    if folder.is_dir() and begun:
        # A changed recipe is refused by its checkpoint, which can name the keys.
        told, found = (read_json(origin) or {}).get("parts"), parts_identity(new)
        # What is no longer there is not needed either: the start holds a copy.
        if None not in (told, found) and told != found:
            raise InputError(
                "the codec or the text encoder that this run was begun with has changed",
                where=str(folder),
                hint="put it back to go on, or give the run its own `out:` to begin anew",
            )
        return folder
    made_of = {"recipe": new.model_dump(mode="json"), "seed": recipe.seed}
    made_of["parts"] = parts_identity(new)
    if folder.is_dir() and read_json(origin) == made_of:
        return folder
    part = folder.with_name(".start.part")
    with disk_errors("write the new model", folder):
        for old in (part, folder):
            shutil.rmtree(old, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        write_start(new, part, recipe.seed)
        write_json(origin, made_of)
        part.rename(folder)
    return folder


def write_start(new: New, folder: Path, seed: int) -> None:
    """Write a complete pipeline folder whose transformer has learned nothing yet.

    The same seed draws the same weights; the random state of the caller is left alone.

    Raises:
        InputError: The codec or the text encoder is not there, or they do not fit.
    """
    codec, text = codec_folder(new.codec), text_folder(new.text)
    for home, name in (
        (codec, "vae"),
        (text / "text_encoder", "text_encoder"),
        (text / "tokenizer", "tokenizer"),
    ):
        part = part_in_folder(home, name, hint=NOT_THERE)
        if isinstance(part, MissingFile):
            raise InputError(f"there is no {name} at {home}", where=str(part.path), hint=NOT_THERE)
    vae = load_json(codec / "config.json")
    encoder = load_json(text / "text_encoder" / "config.json")
    folder.mkdir(parents=True)
    shutil.copytree(codec, folder / "vae")
    for name in ("tokenizer", "text_encoder"):
        shutil.copytree(text / name, folder / name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = new_transformer(new, channels=vae["z_dim"], text_width=encoder["d_model"])
        transformer.save_pretrained(folder / "transformer")
    shifts = [profile.shift for profile in new.card.profiles.values()]
    write_index(folder, vae, shift=shifts[0] if shifts else 5.0, placed=new.places)
    write_card(folder, _spec(new.card))


def parts_identity(new: New) -> str | None:
    """Hash of the codec and the text encoder that a new model is made of; None where one of their
    folders is not there."""
    text = text_folder(new.text)
    homes = (codec_folder(new.codec), text / "text_encoder", text / "tokenizer")
    if not all(home.is_dir() for home in homes):
        return None
    files = [path for home in homes for path in sorted(home.glob("*")) if path.is_file()]
    return fingerprint([[path.name, file_hash(path)] for path in files])


def new_transformer(new: New, channels: int, text_width: int) -> Any:
    """A WanTransformer3DModel with the weights that training from nothing starts from."""
    network = empty_transformer(new, channels, text_width)
    begin(network)
    return network


def empty_transformer(new: New, channels: int, text_width: int) -> Any:
    """A WanTransformer3DModel of the recipe's dimensions, or one that is told places, as diffusers
    makes it."""
    from diffusers import WanTransformer3DModel

    kind = PlacedWanTransformer3DModel if new.places else WanTransformer3DModel
    return kind(
        patch_size=(1, new.patch, new.patch),
        num_attention_heads=new.heads,
        attention_head_dim=new.head_width,
        in_channels=channels,
        out_channels=channels,
        text_dim=text_width,
        freq_dim=new.frequencies,
        ffn_dim=new.ffn,
        num_layers=new.layers,
        rope_max_seq_len=1024,
    )


@torch.no_grad()
def begin(network: Any) -> None:
    """Set a transformer to predict nothing at first, every block passing its input on.

    diffusers draws layers as torch does, for weights that are loaded over them at once. Here gates
    start closed, as does all that has no gate: cross-attention's way out and the last projection.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    patches = network.patch_embedding
    nn.init.xavier_uniform_(patches.weight.view(patches.weight.shape[0], -1))
    nn.init.zeros_(patches.bias)
    if isinstance(patches, PositionedPatches):
        # As loud as what is seen there.
        nn.init.normal_(patches.places.weight, std=WAVES**-0.5)
    embedder = network.condition_embedder
    for linear in (embedder.time_embedder.linear_1, embedder.time_embedder.linear_2):
        nn.init.normal_(linear.weight, std=0.02)
    nn.init.zeros_(embedder.time_proj.weight)
    network.scale_shift_table.zero_()
    for block in network.blocks:
        block.scale_shift_table.zero_()
        nn.init.zeros_(block.attn2.to_out[0].weight)
    nn.init.zeros_(network.proj_out.weight)


def _spec(card: Card) -> ModelSpec:
    """The card as the table describes models; dimensions are read from the configs instead."""
    return replace(
        MODELS["nano"],
        name=card.name,
        summary=card.summary,
        licence=card.licence,
        note=card.note,
        attention="sparse",
        fps=card.fps,
        max_frames=card.max_frames,
        text_tokens=card.text_tokens,
        text_padding=card.text_padding,
        # It has learned nothing yet; the export says what it was trained for.
        clean_shots=False,
        guide_summaries=card.guide_summaries,
        profiles={**MODELS["nano"].profiles, **dict(card.profiles.items())},
        earlier=(),
    )
