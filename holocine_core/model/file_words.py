"""What the name of a weight file says: which expert it is, and which variant of HoloCine.

What a file is, its tensors tell; of these two nothing else does. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from holocine_core.sampling import Attention

Noise = Literal["high", "low", ""]
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NOISE = re.compile(r"(high|low)[\W_]*noise", re.IGNORECASE)
_SHORT = {"h": "high", "l": "low", "hn": "high", "ln": "low"}
_STOCK = re.compile(r"wan[\W_]*2[\W_]?[12]", re.IGNORECASE)
_FIRST = re.compile(r"wan[\W_]*2[\W_]?1", re.IGNORECASE)


def words(name: str) -> list[str]:
    """The words of a name, small: ``Wan2.2-T2V-HighNoise`` has ``high`` and ``noise``."""
    return [word.lower() for word in _WORD.findall(name)]


def noise_of(name: str) -> Noise:
    """The expert that a file's name says; empty where it says none, or both."""
    if stem_words := set(words(name)) & {"high", "low"}:
        pairs = {found.lower() for found in _NOISE.findall(name)}
        said = pairs if len(stem_words) > 1 else stem_words
    else:
        # One word, as in `wan22highnoise`.
        said = {found.lower() for found in _NOISE.findall(name)}
    said = said or ({_SHORT[name.lower()]} if name.lower() in _SHORT else set())
    return "high" if said == {"high"} else "low" if said == {"low"} else ""


def expert_of(path: Path, root: Path) -> Noise:
    """The expert that a file's name says, or else the nearest folder that says one."""
    return next(filter(None, map(noise_of, _names(path, root))), "")


def variant_of(name: str) -> Attention | None:
    """The variant of HoloCine that a name says; None where it says none, or both."""
    said = set(words(name)) & {"full", "sparse"}
    return None if len(said) != 1 else "full" if "full" in said else "sparse"


def variant_at(path: Path, root: Path) -> Attention | None:
    """The variant that a file's name says, or else the nearest folder that says one."""
    return next(filter(None, map(variant_of, _names(path, root))), None)


def is_holocine(path: Path, root: Path) -> bool:
    """Whether a file, or a folder of its, is named after HoloCine."""
    return any("holocine" in name.lower() for name in _names(path, root))


def is_stock(path: Path, root: Path) -> bool:
    """Whether a file is named after Wan's own releases; or lies in one, under the name that files
    have there."""
    own, *folders = _names(path, root)
    inside = own.startswith("diffusion_pytorch_model")
    return any(_STOCK.search(name) for name in (own, *(folders if inside else ())))


def is_single(path: Path) -> bool:
    """Whether a file is named after Wan2.1, whose models have one transformer."""
    return _FIRST.search(path.name) is not None


def _names(path: Path, root: Path) -> Iterable[str]:
    """A file's name without its end, then its folders' up to the root's own."""
    yield path.stem
    for folder in path.parents:
        if folder == root.parent or folder == folder.parent:
            return
        yield folder.name
