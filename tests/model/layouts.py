"""Folders as people have them, under the names that were published, in their real shapes.

Files are written with holes: a transformer of 28 GB takes a header on disk. What they are can be
read from them as from real ones; they hold zeros.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from tests.model.checkpoints import original_vae

Shapes = Mapping[str, tuple[int, ...]]
_BYTES = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "U8": 1}
LARGE = (40, 5120, 13824)
SMALL = (30, 1536, 8960)
OF_5B = (30, 3072, 14336)


def wan(
    sizes: tuple[int, int, int] = LARGE, channels: tuple[int, int] = (16, 16)
) -> dict[str, tuple[int, ...]]:
    """A transformer's tensors in Wan's original names."""
    layers, width, ffn = sizes
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embedding.weight": (width, channels[0], 1, 2, 2),
        "patch_embedding.bias": (width,),
        "head.head.weight": (channels[1] * 4, width),
        "head.head.bias": (channels[1] * 4,),
        "head.modulation": (1, 2, width),
    }
    linears = {
        "text_embedding.0": (width, 4096),
        "text_embedding.2": (width, width),
        "time_embedding.0": (width, 256),
        "time_embedding.2": (width, width),
        "time_projection.1": (6 * width, width),
    }
    for n in range(layers):
        home = f"blocks.{n}."
        shapes[f"{home}modulation"] = (1, 6, width)
        for name in ("norm3.weight", "norm3.bias"):
            shapes[home + name] = (width,)
        for kind in ("self_attn", "cross_attn"):
            for name in ("norm_q", "norm_k"):
                shapes[f"{home}{kind}.{name}.weight"] = (width,)
            for name in "qkvo":
                linears[f"{home}{kind}.{name}"] = (width, width)
        linears |= {f"{home}ffn.0": (ffn, width), f"{home}ffn.2": (width, ffn)}
    for name, shape in linears.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def umt5(layers: int = 24) -> dict[str, tuple[int, ...]]:
    """The text encoder's tensors in transformers' names."""
    width, feed = 4096, 10240
    shapes: dict[str, tuple[int, ...]] = {
        "shared.weight": (256384, width),
        "encoder.final_layer_norm.weight": (width,),
    }
    for n in range(layers):
        one, two = (f"encoder.block.{n}.layer.{m}" for m in (0, 1))
        shapes |= {f"{one}.SelfAttention.{name}.weight": (width, width) for name in "qkvo"}
        shapes[f"{one}.SelfAttention.relative_attention_bias.weight"] = (32, 64)
        shapes |= {f"{part}.layer_norm.weight": (width,) for part in (one, two)}
        shapes |= {
            f"{two}.DenseReluDense.{name}.weight": (feed, width) for name in ("wi_0", "wi_1")
        }
        shapes[f"{two}.DenseReluDense.wo.weight"] = (width, feed)
    return shapes


_OWN = (
    ("shared.weight", "token_embedding.weight"), ("encoder.final_layer_norm", "norm"),
    ("encoder.block", "blocks"), ("layer.0.SelfAttention.relative_attention_bias",
    "pos_embedding.embedding"), ("layer.0.SelfAttention", "attn"), ("layer.0.layer_norm", "norm1"),
    ("layer.1.layer_norm", "norm2"), ("layer.1.DenseReluDense.wi_0", "ffn.gate.0"),
    ("layer.1.DenseReluDense.wi_1", "ffn.fc1"), ("layer.1.DenseReluDense.wo", "ffn.fc2"),
)  # fmt: skip


def umt5_by_wan() -> dict[str, tuple[int, ...]]:
    """The text encoder's tensors in Wan's own names."""
    renamed = {}
    for name, shape in umt5().items():
        for theirs, own in _OWN:
            name = name.replace(theirs, own)
        renamed[name] = shape
    return renamed


@functools.cache
def vae() -> dict[str, tuple[int, ...]]:
    """Wan2.1's VAE in diffusers' names."""
    from accelerate import init_empty_weights
    from diffusers import AutoencoderKLWan

    with init_empty_weights():
        network = AutoencoderKLWan()
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def vae_by_wan() -> dict[str, tuple[int, ...]]:
    """The same in Wan's own names."""
    there = original_vae({name: torch.empty(shape, device="meta") for name, shape in vae().items()})
    return {name: tuple(tensor.shape) for name, tensor in there.items()}


def scaled(shapes: Shapes, name: str) -> dict[str, tuple[int, ...]]:
    """With a scale beside every large matrix, and the mark, as fp8 files have them."""
    large = [one for one in shapes if _is_large(one, shapes[one])]
    scales = {one.removesuffix("weight") + name: (1,) for one in large}
    return {**shapes, **scales, "scaled_fp8": (2,)}


def _is_large(name: str, shape: tuple[int, ...]) -> bool:
    return name.endswith("weight") and len(shape) == 2 and "norm" not in name and "emb" not in name


def write_holes(path: Path, shapes: Shapes, dtype: str = "BF16", spiece: bytes = b"") -> None:
    """A safetensors file of zeros that takes no room but its header's, and a tokenizer's."""
    listed, at = {}, len(spiece)
    if spiece:
        listed["spiece_model"] = {"dtype": "U8", "shape": [at], "data_offsets": [0, at]}
    for name, shape in shapes.items():
        kind = "BF16" if dtype == "F8_E4M3" and not _is_large(name, shape) else dtype
        kind = "F32" if "scale_weight" in name else kind
        size = math.prod(shape) * _BYTES[kind]
        listed[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    header = json.dumps(listed).encode()
    header += b" " * (-len(header) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header + spiece)
        file.truncate(8 + len(header) + at)


def write_gguf_holes(path: Path, shapes: Shapes, architecture: str = "wan") -> None:
    """A GGUF file's header in Q8_0, with a hole for its weights."""

    def text(word: str) -> bytes:
        return struct.pack("<Q", len(word)) + word.encode()

    entries = text("general.architecture") + struct.pack("<I", 8) + text(architecture)
    entries += text("tokenizer.list") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    out, at = [b"GGUF", struct.pack("<IQQ", 3, len(shapes), 2), entries], 0
    for name, shape in shapes.items():
        packed = len(shape) == 2
        sides = struct.pack(f"<{len(shape)}Q", *reversed(shape))
        out.append(text(name) + struct.pack("<I", len(shape)) + sides)
        out.append(struct.pack("<IQ", 8 if packed else 0, at))
        at += math.prod(shape) * 34 // 32 if packed else math.prod(shape) * 4
        at += -at % 32
    path.parent.mkdir(parents=True, exist_ok=True)
    header = b"".join(out)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + -len(header) % 32 + at)


def write_pickle_holes(path: Path, shapes: Shapes) -> None:
    """A torch file whose tensors repeat one number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}, path)


def spiece(words: tuple[str, ...] = ("a", "lighthouse", "by", "the", "sea")) -> bytes:
    """A SentencePiece file of a few words, written by hand."""
    pieces = [("<pad>", 0.0, 3), ("</s>", 0.0, 3), ("<unk>", 0.0, 2)]
    pieces += [(f"\u2581{word}", -2.0 - 0.1 * n, 1) for n, word in enumerate(words)]
    pieces += [(letter, -9.0, 1) for letter in ("\u2581", *"abcdefghijklmnopqrstuvwxyz.,;")]
    out = b""
    for text, score, kind in pieces:
        raw = text.encode()
        piece = b"\x0a" + bytes([len(raw)]) + raw + b"\x15" + struct.pack("<f", score)
        piece += b"\x18" + bytes([kind])
        out += b"\x0a" + bytes([len(piece)]) + piece
    trainer = b"\x18\x01" + b"\xc0\x02\x02"  # A unigram model; <unk> is number 2.
    return out + b"\x12" + bytes([len(trainer)]) + trainer


def _with(base: Shapes, **more: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {**base, **{name.replace("__", "."): shape for name, shape in more.items()}}


def _lora(path: Path) -> None:
    write_holes(path, {"blocks.0.self_attn.q.lora_down.weight": (64, 5120)})


WAN_CONFIG = {
    "_class_name": "WanModel", "dim": 5120, "ffn_dim": 13824, "num_heads": 40, "num_layers": 40,
    "in_dim": 16, "out_dim": 16, "model_type": "t2v",
}  # fmt: skip
Write = Callable[[Path], None]
T2V = wan()
WRITERS: Mapping[str, Write] = {
    "t2v": lambda path: write_holes(path, T2V),
    "t2v fp8": lambda path: write_holes(path, scaled(T2V, "scale_weight"), "F8_E4M3"),
    "t2v gguf": lambda path: write_gguf_holes(path, T2V),
    "t2v 1.3b": lambda path: write_holes(path, wan(SMALL), "F16"),
    "ti2v": lambda path: write_holes(path, wan(OF_5B, (48, 48)), "F16"),
    "i2v": lambda path: write_holes(path, wan(LARGE, (36, 16))),
    "i2v gguf": lambda path: write_gguf_holes(path, wan(LARGE, (36, 16))),
    "i2v 2.1": lambda path: write_holes(
        path, _with(wan(LARGE, (36, 16)), img_emb__proj__1__weight=(1280, 1280))
    ),
    "vace": lambda path: write_holes(
        path, _with(T2V, vace_patch_embedding__weight=(5120, 96, 1, 2, 2))
    ),
    "vace module": lambda path: write_holes(
        path, {"vace_patch_embedding.weight": (5120, 96, 1, 2, 2),
               "vace_blocks.0.after_proj.weight": (5120, 5120)}
    ),
    "s2v": lambda path: write_holes(
        path, _with(T2V, casual_audio_encoder__encoder__final_linear__weight=(5120, 5120))
    ),
    "animate": lambda path: write_holes(
        path, _with(wan(LARGE, (36, 16)), face_adapter__fuser_blocks__0__k_norm__weight=(128,))
    ),
    "fun control": lambda path: write_holes(
        path, _with(wan(LARGE, (52, 16)), ref_conv__weight=(5120, 16, 2, 2))
    ),
    "umt5": lambda path: write_holes(path, umt5(), "F16", spiece()),
    "umt5 fp8": lambda path: write_holes(path, scaled(umt5(), "scale_weight"), "F8_E4M3", spiece()),
    "umt5 alone": lambda path: write_holes(path, umt5()),
    "umt5 by Wan": lambda path: write_holes(path, umt5_by_wan()),
    "umt5 pth": lambda path: write_pickle_holes(path, umt5_by_wan()),
    "umt5 gguf": lambda path: write_gguf_holes(
        path, {"enc.blk.0.attn_q.weight": (64, 64)}, "t5encoder"
    ),
    "vae": lambda path: write_holes(path, vae_by_wan()),
    "vae by diffusers": lambda path: write_holes(path, vae()),
    "vae pth": lambda path: write_pickle_holes(path, vae_by_wan()),
    "vae 2.2": lambda path: write_holes(
        path, {"decoder.conv1.weight": (1024, 48, 3, 3, 3), "conv2.weight": (48, 48, 1, 1, 1),
               "encoder.downsamples.0.downsamples.0.residual.0.gamma": (160, 1, 1, 1)}
    ),
    "clip": lambda path: write_holes(path, {"vision_model.embeddings.class_embedding": (1280,)}),
    "lora": _lora,
    "page": lambda path: path.write_text("<!doctype html><title>Sign in</title>"),
    "pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
}  # fmt: skip


def write_shards(home: Path, stem: str, shapes: Shapes, count: int, lacks: int = 0) -> None:
    """A file in shards with its list; shard ``lacks`` is not there."""
    names = list(shapes)
    place = {name: n * count // len(names) + 1 for n, name in enumerate(names)}
    listed = {}
    for number in range(1, count + 1):
        name = f"{stem}-{number:05}-of-{count:05}.safetensors"
        mine = {one: shapes[one] for one in names if place[one] == number}
        listed |= dict.fromkeys(mine, name)
        if number != lacks:
            write_holes(home / name, mine)
    text = json.dumps({"metadata": {}, "weight_map": listed})
    (home / f"{stem}.safetensors.index.json").write_text(text)


@dataclass(frozen=True)
class Layout:
    """A folder, and what holocine makes of it.

    Attributes:
        name: Whose files, in words.
        files: Path -> what is written there: a key of WRITERS, ``tokenizer``, ``config``, a card's
            text, ``shards:N`` (``shards:N:K`` without the Kth), or ``link:PATH``.
        parts: Part -> name of the file it is taken from, where it films.
        variant: Name of the model, or of stock Wan's where the folder's name stands.
        says: What the refusal says, where it doesn't.
        ask: Below the folder, what is given as the model.
        lacks: Parts that are told to be missing.
    """

    name: str
    files: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    says: str = ""
    ask: str = "."
    lacks: tuple[str, ...] = ()


def write_layout(layout: Layout, root: Path, tokenizer: Path) -> Path:
    """Write a layout's files; the folder to give as the model.

    Args:
        layout: The layout.
        root: A new folder.
        tokenizer: A tokenizer.json.
    """
    for name, kind in layout.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "tokenizer":
            path.write_bytes(tokenizer.read_bytes())
        elif kind.startswith("shards:"):
            _, count, lacks = f"{kind}:0".split(":")[:3]
            write_shards(path.parent, path.name, T2V, int(count), int(lacks))
        elif kind.startswith("link:"):
            path.symlink_to(root / kind.removeprefix("link:"))
        elif kind.startswith("{"):
            path.write_text(kind)
        elif kind == "config":
            path.write_text(json.dumps(WAN_CONFIG))
        else:
            WRITERS[kind](path)
    return root / layout.ask
