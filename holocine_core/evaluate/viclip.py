"""ViCLIP, by which HoloCine's paper compares films with their texts (InternVid, arXiv 2307.06942).

It is CLIP with a picture's tokens of eight frames side by side and a learned time added to each, so
transformers' CLIP layers do the work; only names and the first step differ.

Letters: T frame, N token, D feature.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError
from holocine_core.evaluate.clip_text import ClipText, clip_tokenizer
from holocine_core.evaluate.consistency import Features
from holocine_core.model.weights import read_state_dict

MERGES = "bpe_simple_vocab_16e6.txt.gz"
"""CLIP's own list of merges, which ViCLIP's files come with."""
_HINT = "give a folder with ViCLIP's weights (.pth or .safetensors) and its bpe_simple_vocab file"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_WORDS = 49408
_HEAD = 64
"""Width of a head of attention, in all CLIP models of this kind."""
_LAYER = re.compile(r"transformer\.resblocks\.(\d+)\.")
_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


class ViClip:
    """A ViCLIP model in a local folder, as it is published.

    Args:
        folder: The weights, one .pth or .safetensors file, and CLIP's tokenizer: its list of
            merges, or the files of transformers.
        device: Where it computes.

    Attributes:
        texts: Features of texts in the space of the clips'; it reads 32 tokens at a time, longer
            texts in pieces.

    Raises:
        InputError: There is no such model in the folder.
        MachineError: The weights are damaged.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        state = _read(folder)
        self._device = device
        self._time_TD = state.pop("vision_encoder.temporal_positional_embedding")[0].to(device)
        self.network = _network(state, folder).to(device)
        tokenizer = _tokenizer(folder)
        known, words = len(tokenizer), self.network.config.text_config.vocab_size
        if known != words:
            raise InputError(
                f"the tokenizer knows {known} words, the weights {words}",
                where=str(folder),
                hint=_HINT,
            )
        self.texts = ClipText(folder, self.network, device, tokenizer=tokenizer)

    @torch.no_grad()
    def __call__(self, frames: Frames) -> Features:
        """Feature of a clip, a row of length 1 [1, D], by frames from the middles of as many even
        parts of it as ViCLIP looks at.

        Args:
            frames: RGB [T, H, W, 3], one at least.
        """
        count = len(self._time_TD)
        chosen = [math.floor((part + 0.5) * len(frames) / count) for part in range(count)]
        vision = self.network.vision_model
        pixels = self._seen(torch.from_numpy(np.ascontiguousarray(frames[chosen])))
        tokens_TND = vision.embeddings(pixels.to(self._device))
        # The class token stands once for all frames, and outside of time.
        shown = tokens_TND[:, 1:] + self._time_TD[:, None]
        tokens = torch.cat([tokens_TND[:1, 0], shown.flatten(0, 1)])[None]
        hidden = vision.encoder(inputs_embeds=vision.pre_layrnorm(tokens)).last_hidden_state
        feature = self.network.visual_projection(vision.post_layernorm(hidden[:, 0]))
        return F.normalize(feature.float(), dim=1).cpu().numpy().astype(np.float32)

    def _seen(self, frames: Tensor) -> Tensor:
        """Frames as it was trained to see them: square, whatever their shape was."""
        side = int(self.network.config.vision_config.image_size)
        pixels = frames.permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (_MEAN, _STD))
        return (pixels - mean) / std


def _read(folder: Path) -> dict[str, Tensor]:
    found = sorted([*folder.glob("*.safetensors"), *folder.glob("*.pth")])
    if len(found) != 1:
        told = f"there are {len(found)} files of weights" if found else "there are no weights"
        raise InputError(f"{told} of ViCLIP", where=str(folder), hint=_HINT)
    state = read_state_dict(found[0], inside="model")
    if "vision_encoder.temporal_positional_embedding" not in state:
        raise InputError("these are no weights of ViCLIP", where=str(found[0]), hint=_HINT)
    return {name: tensor.float() for name, tensor in state.items()}


def _network(state: Mapping[str, Tensor], folder: Path) -> Any:
    """transformers' CLIP with ViCLIP's weights, its sizes read from their shapes."""
    import transformers

    try:
        patches = state["vision_encoder.conv1.weight"]
        words = state["text_encoder.token_embedding.weight"]
        places = state["vision_encoder.positional_embedding"]
        projected = state["text_encoder.text_projection"]
        config = transformers.CLIPConfig(
            projection_dim=projected.shape[1],
            vision_config={
                **_sizes(state, "vision_encoder", len(patches)),
                "patch_size": patches.shape[-1],
                "image_size": patches.shape[-1] * math.isqrt(len(places) - 1),
                "projection_dim": projected.shape[1],
            },
            text_config={
                **_sizes(state, "text_encoder", words.shape[1]),
                "vocab_size": len(words),
                "max_position_embeddings": len(state["text_encoder.positional_embedding"]),
                "eos_token_id": len(words) - 1,
                "bos_token_id": len(words) - 2,
                "projection_dim": projected.shape[1],
            },
        )
        network = transformers.CLIPModel(config)
        network.load_state_dict(_renamed(state))
    except (KeyError, RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[-1]
        raise InputError(
            f"the weights are not those of ViCLIP: {first}", where=str(folder), hint=_HINT
        ) from error
    return network.eval()


def _sizes(state: Mapping[str, Tensor], half: str, width: int) -> dict[str, Any]:
    layers = {m[1] for name in state if name.startswith(half) and (m := _LAYER.search(name))}
    return {
        "hidden_size": width,
        "intermediate_size": len(state[f"{half}.transformer.resblocks.0.mlp.c_fc.weight"]),
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // _HEAD),
        "hidden_act": "quick_gelu",
    }


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under transformers' names."""
    image, text = "vision_encoder.", "text_encoder."
    found = {
        "logit_scale": -state["temp"].log(),
        "vision_model.embeddings.class_embedding": state[f"{image}class_embedding"],
        # One frame a token: the kernel has no extent in time.
        "vision_model.embeddings.patch_embedding.weight": state[f"{image}conv1.weight"][:, :, 0],
        "vision_model.embeddings.position_embedding.weight": state[f"{image}positional_embedding"],
        "visual_projection.weight": state[f"{image}proj"].T,
        "text_model.embeddings.token_embedding.weight": state[f"{text}token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state[f"{text}positional_embedding"],
        "text_projection.weight": state[f"{text}text_projection"].T,
    }
    norms = {
        f"{image}ln_pre": "vision_model.pre_layrnorm",
        f"{image}ln_post": "vision_model.post_layernorm",
        f"{text}ln_final": "text_model.final_layer_norm",
    }
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        if module in norms:
            found[f"{norms[module]}.{kind}"] = tensor
        elif layer := _LAYER.search(name):
            half = "vision_model" if name.startswith(image) else "text_model"
            found |= _of_layer(f"{half}.encoder.layers.{layer[1]}", name[layer.end() :], tensor)
    return found


def _of_layer(layer: str, name: str, tensor: Tensor) -> dict[str, Tensor]:
    if name.startswith("attn.in_proj_"):
        parts = zip("qkv", tensor.chunk(3), strict=True)
        kind = name.removeprefix("attn.in_proj_")
        return {f"{layer}.self_attn.{part}_proj.{kind}": rows for part, rows in parts}
    module, _, kind = name.rpartition(".")
    return {f"{layer}.{_NAMES[module]}.{kind}": tensor}


def _tokenizer(folder: Path) -> Any:
    """CLIP's, from its list of merges where transformers' files are not there."""
    path = folder / MERGES
    if not path.is_file():
        return clip_tokenizer(folder)
    import transformers
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (OSError, EOFError, ValueError) as error:
        raise InputError("the list of merges is damaged", where=str(path), hint=_HINT) from error
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    # A line of comment first; the file goes on behind those that CLIP uses.
    merges = [line.split() for line in lines[1 : _WORDS - len(words) - 1] if line]
    words += ["".join(pair) for pair in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizerFast(
        vocab={word: number for number, word in enumerate(words)},
        merges=[(first, second) for first, second in merges],
    )
