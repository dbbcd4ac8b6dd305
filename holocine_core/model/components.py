"""The parts a model is made of and the files that hold them. No torch here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import InputError, MachineError
from holocine_core.model.headers import content_hash, read_header
from holocine_core.model.on_disk import FOLD_CLASS
from holocine_core.model.scales import loaded_size, stored_in_float8
from holocine_core.model.spec import WAN_VAE, FoldShape, ModelSpec, NetworkShape, VaeShape
from holocine_core.model.spiece_file import spiece_bytes
from holocine_core.store.files import load_json

Form = Literal["diffusers", "original", "gguf", "pth", "spiece"]
Packing = Literal["gguf", "fp8"]
COMPONENTS = ("tokenizer", "text_encoder", "transformer", "transformer_2", "vae")
PART_WORDS: Mapping[str, str] = {
    "transformer": "the high-noise expert",
    "transformer_2": "the low-noise expert",
    "text_encoder": "the text encoder",
    "vae": "the VAE",
    "tokenizer": "the tokenizer",
}
"""Parts as people are told of them."""
_SHIPPED = Path(__file__).parent / "configs"
_FILE_NAME = re.compile(r"[^/\\\0]+\.safetensors")
_VARIANT = re.compile(r"[a-z_]+\.[a-z0-9_]+\.safetensors")
_REWRITTEN = frozenset({"architectures", "dtype", "torch_dtype", "transformers_version"})
"""Config keys that saving a model again may change without changing the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentFiles:
    """The files of one part, all present."""

    name: str
    form: Form
    """Whose key names the file uses and how it is packed: safetensors in diffusers' layout,
    safetensors in Wan's original names, GGUF or torch pickles in original names; of a tokenizer
    that is SentencePiece's own file, or lies in the text encoder's."""
    paths: tuple[Path, ...]
    config: Path | None = None
    """The network's config.json; the shipped one where the checkpoint brings none."""

    @property
    def where(self) -> str:
        return str(self.paths[0])

    @property
    def by_config(self) -> str:
        """The config that says what fits, for messages: it may be the one at fault. Empty where
        the files brought none."""
        if self.config is None or _SHIPPED in self.config.parents:
            return ""
        return f" (as {self.config} says)"

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFile:
    """A file that a part needs and that is not there."""

    part: str
    path: Path
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedModel:
    """A model, the files it is made of and the ones that lack."""

    spec: ModelSpec
    folder: Path
    components: Mapping[str, ComponentFiles]
    missing: tuple[MissingFile, ...] = ()
    resolved: bool = False
    """Whether its files were found by what they are, or said outright: a film made with it then
    says which."""
    outright: Mapping[str, Path] = field(default_factory=dict)
    """Files that the call named, by part."""
    standing: Mapping[str, str] = field(default_factory=dict)
    """What stands for the content of parts whose weights are in no file: those in training."""

    def component(self, name: str) -> ComponentFiles:
        """The files of part ``name``; MachineError with the remedy where one is missing."""
        if name in self.components:
            return self.components[name]
        lacks = [file for file in self.missing if file.part == name]
        if not lacks:
            raise ValueError(f"{self.spec.name} has no part {name!r}")
        raise MachineError(
            f"model {self.spec.name} lacks its {name}: {lacks[0].path.name} is not there",
            where=str(lacks[0].path),
            hint=lacks[0].hint,
        )

    def require(self) -> None:
        """Raise MachineError unless every file is there."""
        if not self.missing:
            return
        names = ", ".join(file.path.name for file in self.missing)
        raise MachineError(
            f"model {self.spec.name} is not complete: {names} not there",
            where=str(self.missing[0].path),
            hint=self.missing[0].hint,
        )

    def called(self, part: str) -> str:
        """A part in words."""
        alone = self.spec.experts == 1 and part == "transformer"
        return "the transformer" if alone else PART_WORDS[part]

    def record(self) -> dict[str, str]:
        """Which of its folder's files it is made of, by part, for a film made with it; empty where
        nothing had to be found out."""
        if not self.resolved:
            return {}
        inside = {
            part: files.paths[0]
            for part, files in self.components.items()
            if part not in self.outright and files.paths[0].is_relative_to(self.folder)
        }
        return {part: path.relative_to(self.folder).as_posix() for part, path in inside.items()}

    def identity(self) -> dict[str, str]:
        """Part name -> hash of its content, for every part that is there.

        Taken from file contents (see ``content_hash``) and from the settings in the config, so
        that copying, moving or renaming a checkpoint leaves it alone.
        """
        there = sorted(self.components.items())
        return {name: self.standing.get(name) or _component_identity(part) for name, part in there}


def _component_identity(part: ComponentFiles) -> str:
    if part.form == "spiece":
        # The weights around it are another part.
        return hashlib.sha256(spiece_bytes(part.paths[0])).hexdigest()
    digest = hashlib.sha256()
    for path in sorted(part.paths, key=lambda path: path.name):
        digest.update(f"{content_hash(path)}\n".encode())
    if part.config is not None:
        settings = {
            key: value
            for key, value in load_json(part.config).items()
            if not key.startswith("_") and key not in _REWRITTEN
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


STEMS: Mapping[str, str] = {
    "text_encoder": "model",
    "transformer": "diffusion_pytorch_model",
    "transformer_2": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}
"""Names of weight files in diffusers' layout, without their ends."""


def part_in_folder(home: Path, name: str, *, hint: str) -> ComponentFiles | MissingFile:
    """Part ``name`` in diffusers' layout, shards and variants such as ``model.fp16.safetensors``
    included; else the first file that lacks.

    Raises:
        InputError: There is more than one variant and not the usual file.
    """
    if name == "tokenizer":
        path = home / "tokenizer.json"
        if path.is_file():
            return ComponentFiles(name=name, form="diffusers", paths=(path,))
        return MissingFile(part=name, path=path, hint=hint)
    single = home / f"{STEMS[name]}.safetensors"
    shards = home / f"{STEMS[name]}.safetensors.index.json"
    paths: tuple[Path, ...] = (single,)
    if not single.is_file() and shards.is_file():
        paths = _shards(shards) or paths
    elif not single.is_file():
        paths = _variant(home, STEMS[name]) or paths
    for path in (home / "config.json", *paths):
        if not path.is_file():
            return MissingFile(part=name, path=path, hint=hint)
    return ComponentFiles(name=name, form="diffusers", paths=paths, config=home / "config.json")


def _variant(home: Path, stem: str) -> tuple[Path, ...]:
    """The files of the one variant that is there, as diffusers names it."""
    singles = {path: (path,) for path in home.glob(f"{stem}.*.safetensors")
               if _VARIANT.fullmatch(path.name)}  # fmt: skip
    lists = {path: _shards(path) for path in home.glob(f"{stem}.safetensors.index.*.json")}
    found = {**singles, **lists}
    if len(found) > 1:
        names = ", ".join(sorted(path.name for path in found))
        raise InputError(
            f"{home} holds more than one variant: {names}",
            where=str(home),
            hint="keep one of them there",
        )
    return next(iter(found.values()), ())


def _shards(index: Path) -> tuple[Path, ...]:
    """The files that hold a part's weights, by the list beside them.

    Raises:
        InputError: The list names something else than files beside it.
    """
    told = load_json(index).get("weight_map", {})
    named = list(told.values()) if isinstance(told, dict) else [told]
    odd = [name for name in named if not isinstance(name, str) or not _FILE_NAME.fullmatch(name)]
    if odd:
        raise InputError(
            f"weight_map must name a file beside it for every weight, not {odd[0]!r:.80}",
            where=str(index),
            hint="fetch or save the model again",
        )
    return tuple(index.parent / name for name in sorted(set(named)))


def shape_of(config: Mapping[str, Any], path: Path) -> NetworkShape:
    """The shape a WanTransformer3DModel config gives.

    Raises:
        InputError: Where the config at ``path`` is another network's, or an image-to-video one's.
    """
    keys = ("num_layers", "num_attention_heads", "attention_head_dim", "ffn_dim", "text_dim")
    numbers = [config.get(key) for key in (*keys, "in_channels", "out_channels")]
    patch = config.get("patch_size")
    if not all(isinstance(number, int) for number in numbers):
        raise InputError(
            "this is no config of diffusers' WanTransformer3DModel",
            where=str(path),
            hint=f"it must give {', '.join(keys)}, in_channels, out_channels and patch_size",
        )
    layers, heads, head, ffn, text, channels, out = (int(n) for n in numbers if n is not None)
    if not isinstance(patch, list) or len(patch) != 3 or patch[0] != 1 or patch[1] != patch[2]:
        raise InputError(f"patch_size must be [1, n, n], not {patch}", where=str(path))
    if channels != out or config.get("image_dim") is not None:
        raise InputError(
            f"this transformer takes {channels} channels and gives {out}: it needs a picture",
            where=str(path),
            hint="give a text-to-video Wan model",
        )
    return NetworkShape(
        layers=layers,
        width=heads * head,
        heads=heads,
        ffn=ffn,
        text_width=text,
        latent_channels=channels,
        patch=patch[1],
    )


def with_text_encoder(shape: NetworkShape, config: Mapping[str, Any]) -> NetworkShape:
    """A transformer's dimensions with those of the text encoder beside it."""
    told = {"text_layers": "num_layers", "text_heads": "num_heads", "vocabulary": "vocab_size"}
    return replace(shape, **{name: int(config.get(key) or 0) for name, key in told.items()})


def beside_text_of(shape: NetworkShape, other: NetworkShape) -> NetworkShape:
    """A transformer's dimensions beside the text encoder of another one; of encoders as wide as
    its text only."""
    if shape.text_width != other.text_width:
        return replace(shape, text_layers=other.text_layers)
    names = ("text_layers", "text_heads", "vocabulary")
    return replace(shape, **{name: getattr(other, name) for name in names})


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


def loaded_bytes(parts: Mapping[str, ComponentFiles]) -> dict[str, int]:
    """Bytes of text_encoder, transformer (the larger expert) and vae once they are loaded.

    Floating-point weights count as bfloat16 (2 bytes), the VAE's as float32; GGUF stays packed, and
    matrices of a transformer's blocks that come in float8 stay so.
    """
    sizes: dict[str, int] = {}
    for name, part in parts.items():
        if name == "tokenizer":
            continue
        key = name.removesuffix("_2")
        each = 4 if name == "vae" else 2
        size = part.bytes
        # A damaged file is reported by who loads or verifies it; here its length will do.
        with suppress(MachineError):
            if part.form not in ("gguf", "pth"):
                entries = {n: one for path in part.paths for n, one in read_header(path).items()}
                size = loaded_size(name, entries, each)
        sizes[key] = max(size, sizes.get(key, 0))
    return sizes


def packing(parts: Mapping[str, ComponentFiles]) -> Packing | None:
    """How a model's transformers come packed: one of them in GGUF, or all of them in float8."""
    transformers = {name: part for name, part in parts.items() if name.startswith("transformer")}
    if any(part.form == "gguf" for part in transformers.values()):
        return "gguf"
    float8 = [
        part.form != "pth" and stored_in_float8(name, part.paths)
        for name, part in transformers.items()
    ]
    return "fp8" if float8 and all(float8) else None
