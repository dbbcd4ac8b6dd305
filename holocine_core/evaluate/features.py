"""What frames are compared by: colours always, CLIP and DINO where their weights are given.

Letters: N frame, H W rows and columns, D feature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError
from holocine_core.evaluate.consistency import Extract, Features
from holocine_core.store.files import parse_json, read_json, read_small

BINS, GRID = 6, (2, 3)
_AT_ONCE = 16
_HINT = "give a folder as transformers saves it"
_TYPES = {
    "clip": frozenset({"clip", "clip_vision_model"}),
    "dino": frozenset({"vit", "dinov2", "dinov2_with_registers", "dinov3_vit"}),
}
"""What their configs call networks that give such features."""


def colours(frames: Frames) -> Features:
    """Square roots of colour histograms of the cells of a coarse grid, [N, D].

    The product of two is the Bhattacharyya coefficient of their histograms: 1 for the same colours
    in the same cells, 0 for none in common.
    """
    bins = frames.astype(np.uint16) * BINS // 256
    codes = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    cells = [
        cell
        for row in np.array_split(codes, GRID[0], axis=1)
        for cell in np.array_split(row, GRID[1], axis=2)
    ]
    counts = [np.stack([_histogram(frame) for frame in cell]) for cell in cells]
    whole = np.concatenate(counts, axis=1).astype(np.float64)
    features: Features = np.sqrt(whole / whole.sum(1, keepdims=True)).astype(np.float32)
    return features


def _histogram(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    counts = np.bincount(codes.ravel(), minlength=BINS**3).astype(np.float64)
    counts /= counts.sum()  # Cells differ by a row or column in size; each has the same weight.
    return counts


class Vision:
    """A vision network of a local transformers folder, as an extractor.

    Args:
        folder: config.json, preprocessor_config.json and weights.
        kind: ``clip`` takes the image embedding, ``dino`` the class token.

    Raises:
        InputError: There is no such network in the folder.
    """

    def __init__(self, folder: Path, kind: Literal["clip", "dino"], device: str = "cpu") -> None:
        self._device = device
        self._look = _preprocessing(folder)
        self.network = load_network(folder, kind).to(device)
        ways: dict[str | None, Callable[[Tensor], Tensor]] = {
            "clip": lambda pixels: self.network.get_image_features(pixels).pooler_output,
            "clip_vision_model": lambda pixels: self.network(pixels).image_embeds,
        }
        self._embed = ways.get(model_type(folder), self._class_token)

    def _class_token(self, pixels: Tensor) -> Tensor:
        token: Tensor = self.network(pixels).last_hidden_state[:, 0]
        return token

    @torch.no_grad()
    def __call__(self, frames: Frames) -> Features:
        """Features of frames, rows of length 1 [N, D]."""
        rows = []
        for start in range(0, len(frames), _AT_ONCE):
            pixels = self._look(torch.from_numpy(np.ascontiguousarray(frames[start:][:_AT_ONCE])))
            rows.append(self._embed(pixels.to(self._device)))
        features = F.normalize(torch.cat(rows).float(), dim=1)
        return features.cpu().numpy().astype(np.float32)


def load_network(folder: Path, kind: Literal["clip", "dino"]) -> Any:
    """A network of a local transformers folder, every one of its weights read.

    Raises:
        InputError: There is no such network in the folder.
    """
    import transformers

    _refuse_other(folder, kind)
    loader: Any = {
        # The classes of its halves take the common space's width from elsewhere in the config,
        # which need not agree, and then go on with random projections.
        "clip": transformers.CLIPModel,
        "clip_vision_model": transformers.CLIPVisionModelWithProjection,
    }.get(model_type(folder) or "", transformers.AutoModel)
    try:
        network, loaded = loader.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(
            f"no {kind.upper()} network can be read there: {first}", where=str(folder), hint=_HINT
        ) from error
    # DINO was published without the pooler, which nothing here looks at.
    lacking = sorted(name for name in loaded["missing_keys"] if "pooler." not in name)
    lacking += sorted(str(name) for name, *_ in loaded.get("mismatched_keys", ()))
    if lacking:
        # transformers would go on with random numbers in their place.
        raise InputError(
            f"the weights lack {', '.join(lacking[:3])}",
            where=str(folder),
            hint=_HINT,
        )
    return network.eval()


def model_type(folder: Path) -> str | None:
    """What a folder's config.json calls its network; None without one."""
    told = (read_json(folder / "config.json") or {}).get("model_type")
    return None if told is None else str(told)


def _refuse_other(folder: Path, kind: Literal["clip", "dino"]) -> None:
    """transformers would load any weights into any network of the same names."""
    found = model_type(folder)
    if found is None:
        raise InputError(
            f"no {kind.upper()} network can be read there: config.json is missing or damaged",
            where=str(folder),
            hint=_HINT,
        )
    if found not in _TYPES[kind]:
        raise InputError(
            f"this is a network of type {found}, not {kind.upper()}",
            where=str(folder),
            hint=f"--{kind} takes a folder of type {' or '.join(sorted(_TYPES[kind]))}",
        )


class _Look:
    """Resizes and crops as a network was trained to see: bicubic, from the middle."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        crop, size = settings.get("crop_size"), settings.get("size", 224)
        self.crop = _side(crop if crop is not None else size)
        self.short = max(_side(size), self.crop)
        mean = settings.get("image_mean", [0.5] * 3)
        std = settings.get("image_std", [0.5] * 3)
        self.mean = torch.tensor(mean).view(1, 3, 1, 1)
        self.std = torch.tensor(std).view(1, 3, 1, 1)

    def __call__(self, frames: Tensor) -> Tensor:
        pixels = frames.permute(0, 3, 1, 2).float() / 255
        scale = self.short / min(pixels.shape[2:])
        size = [max(self.crop, round(side * scale)) for side in pixels.shape[2:]]
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = ((side - self.crop) // 2 for side in size)
        pixels = pixels[:, :, top : top + self.crop, left : left + self.crop]
        return (pixels - self.mean) / self.std


def _side(size: Any) -> int:
    """One number of transformers' ways to write a size."""
    if isinstance(size, Mapping):
        return int(size.get("shortest_edge", size.get("height", 224)))
    return int(size)


def _preprocessing(folder: Path) -> _Look:
    path = folder / "preprocessor_config.json"
    try:
        return _Look(parse_json(read_small(path)))
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(
            "preprocessor_config.json is missing or damaged",
            where=str(path),
            hint="give a folder as transformers saves it, with its image processor",
        ) from error


@dataclass(frozen=True, slots=True)
class Eyes:
    """What films are compared by.

    Attributes:
        frames: By name: features of frames.
        clips: By name: features of whole clips, a row for all of their frames.
        texts: By the same names: features of texts in the space of those.
    """

    frames: Mapping[str, Extract] = field(default_factory=dict)
    clips: Mapping[str, Extract] = field(default_factory=dict)
    texts: Mapping[str, Callable[[Sequence[str]], Features]] = field(default_factory=dict)


def extractors(clip: Path | None, dino: Path | None) -> dict[str, Extract]:
    """What to compare frames by: its name -> the function."""
    found: dict[str, Extract] = {"colour": colours}
    if clip is not None:
        found["clip"] = Vision(clip, "clip")
    if dino is not None:
        found["dino"] = Vision(dino, "dino")
    return found


def eyes(clip: Path | None, dino: Path | None, viclip: Path | None = None) -> Eyes:
    """All that films can be compared by with the networks that are given.

    Raises:
        InputError: There is no such network in a folder.
    """
    frames = extractors(clip, dino)
    clips: dict[str, Extract] = {}
    texts: dict[str, Callable[[Sequence[str]], Features]] = {}
    seeing = frames.get("clip")
    # A vision half reads no texts.
    if clip is not None and isinstance(seeing, Vision) and model_type(clip) == "clip":
        from holocine_core.evaluate.clip_text import ClipText

        texts["clip"] = ClipText(clip, seeing.network)
    if viclip is not None:
        from holocine_core.evaluate.viclip import ViClip

        network = ViClip(viclip)
        clips["viclip"], texts["viclip"] = network, network.texts
    return Eyes(frames, clips, texts)
