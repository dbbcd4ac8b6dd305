"""Move a model onto another codec.

holocine lab refit MODEL --codec DIR --out DIR

The transformer's blocks stay; its first and last layer are composed with the linear maps between
the two codecs' latents that fit best on drawn scenes. That is exact where those are linear in each
other, and else where training goes on from: much of what the blocks know is not about pixels.

Letters: N latent, I O channels of the old and the new codec, P place in a patch, D width.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.lab.codec.blocks import Draw, draw_short
from holocine_core.lab.stage.sample import JUDGE_SEEDS
from holocine_core.model.components import ComponentFiles, MissingFile, part_in_folder
from holocine_core.model.folders import INDEX_NAME, locate_folder
from holocine_core.model.pipeline import codec_entry
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames
from holocine_core.store.files import load_json, replace_folder
from holocine_core.store.tensors import write_tensors
from holocine_core.store.vault import disk_errors, file_hash
from holocine_core.train.checkpoints import stretch
from holocine_core.train.export import BEFORE, named, told_by

Tell = Callable[[str], None]
_FILE = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the maps are fitted to."""

    scenes: int = 60
    """Drawn scenes."""
    first_seed: int = 9000
    """Seed of the first."""
    height: int = 96
    width: int = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """A map from latents to latents, ``matrix @ x + offset``.

    Attributes:
        matrix: [channels out, channels in].
        offset: [channels out].
        explained: Share of the variance that it reaches, 0..1.
    """

    matrix: Tensor
    offset: Tensor
    explained: float


def fit(source_NI: Tensor, target_NO: Tensor) -> Affine:
    """The affine map with the least squares from rows to rows."""
    x, y = source_NI.double(), target_NO.double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    matrix = torch.linalg.lstsq(x - x_mean, y - y_mean).solution.T
    off = (x - x_mean) @ matrix.T - (y - y_mean)
    explained = 1 - float(off.square().sum() / (y - y_mean).square().sum())
    return Affine(
        matrix=matrix.float(), offset=(y_mean - matrix @ x_mean).float(), explained=explained
    )


@torch.no_grad()
def moved(network: Any, to_old: Affine, to_new: Affine) -> Any:
    """A transformer for the new codec's latents with ``network``'s blocks.

    Args:
        network: A WanTransformer3DModel for the old codec's latents.
        to_old: From the new codec's latents to the old one's.
        to_new: Back.
    """
    channels = len(to_new.matrix)
    config = {**network.config, "in_channels": channels, "out_channels": channels}
    result = type(network).from_config(config)
    state = network.state_dict()
    first = state["patch_embedding.weight"].float()
    state["patch_embedding.weight"] = torch.einsum("di...,io->do...", first, to_old.matrix)
    state["patch_embedding.bias"] = state["patch_embedding.bias"].float() + torch.einsum(
        "di...,i->d", first, to_old.offset
    )
    # What is predicted is a velocity: noise minus latents, so that the offset goes off.
    last, bias = state["proj_out.weight"].float(), state["proj_out.bias"].float()
    old = to_old.matrix.shape[0]
    last_PID, bias_PI = last.unflatten(0, (-1, old)), bias.unflatten(0, (-1, old))
    state["proj_out.weight"] = torch.einsum("oi,pid->pod", to_new.matrix, last_PID).flatten(0, 1)
    state["proj_out.bias"] = (bias_PI @ to_new.matrix.T - to_new.offset).flatten()
    result.load_state_dict(state)
    return result


@torch.no_grad()
def latents_of(vae: Any, settings: Settings, source: Draw) -> Tensor:
    """Normalised latents of drawn scenes, a row each [N, C]."""
    rows = []
    for seed in range(settings.first_seed, settings.first_seed + settings.scenes):
        clip = source(seed, settings.height, settings.width)
        rows.append(encode_frames(vae, clip.numpy())[0].flatten(1).T)
    return torch.cat(rows)


def refit(
    model: Path,
    new_codec: Path,
    out: Path,
    settings: Settings,
    tell: Tell,
    *,
    source: Draw = draw_short,
) -> None:
    """Write a model's folder anew with another codec in it.

    Args:
        model: A pipeline folder with one expert.
        new_codec: The folder of the codec, as ``lab.codec.train`` writes it.
        out: Where the new folder goes; one that is there is replaced.
        settings: What the maps are fitted to.
        tell: Told how well they fit.
        source: What draws.

    Raises:
        InputError: A part is not there, or the model has two experts.
    """
    if settings.first_seed + settings.scenes > JUDGE_SEEDS:
        raise InputError(
            f"scenes from seed {JUDGE_SEEDS} on are kept to measure by",
            hint="take a lower first seed",
        )
    located = locate_folder(model)
    located.require()
    if located.spec.experts != 1:
        raise InputError(
            "only models with one expert can be refitted",
            where=str(model),
            hint="give a model that `holocine train` made from nothing",
        )
    before, after = located.component("vae"), _codec(new_codec)
    old, new = (
        latents_of(load_component(part, torch.float32), settings, source)
        for part in (before, after)
    )
    to_old, to_new = fit(new, old), fit(old, new)
    tell(f"the new latents tell {to_old.explained:.1%} of the old ones' variance")
    tell(f"the old latents tell {to_new.explained:.1%} of the new ones' variance")
    network = moved(load_component(located.component("transformer"), torch.float32), to_old, to_new)
    made = {"seed": 0, "refit": {**asdict(settings), "from": _hash(before), "to": _hash(after)}}
    _write(network, model, new_codec, out, made)


def _write(
    network: Any, model: Path, new_codec: Path, out: Path, made: Mapping[str, object]
) -> None:
    """The folder of ``model`` with another codec and transformer, which says that ``made`` it."""
    home = model / "transformer"
    told = {**told_by(home), **stretch(0, made), BEFORE: named(home)}
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in told.items()}
    part = out.with_name(f".{out.name}.part")
    with disk_errors("write the model", out):
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(model, part)
        shutil.rmtree(part / "vae")
        shutil.copytree(new_codec, part / "vae")
        for weights in (part / "transformer").glob("*.safetensors*"):
            weights.unlink()
        network.save_config(part / "transformer")
        index = load_json(part / INDEX_NAME)
        index["vae"] = codec_entry(load_json(new_codec / "config.json"))
        (part / INDEX_NAME).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        write_tensors(part / "transformer" / _FILE, network.state_dict(), {"format": "pt"} | texts)
        replace_folder(part, out)


def _codec(folder: Path) -> ComponentFiles:
    hint = "give the folder that a codec was written to"
    part = part_in_folder(folder, "vae", hint=hint)
    if isinstance(part, MissingFile):
        raise InputError("there is no codec to move to", where=str(part.path), hint=hint)
    return part


def _hash(part: ComponentFiles) -> str:
    return file_hash(part.paths[0])
