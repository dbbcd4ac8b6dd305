"""A folder of files under any names -> what each is, and which are a model's parts. No torch here.

ComfyUI's tree, a release of Wan's, GGUF files in two subfolders, all files in one: what lies there
is known by its tensors (:mod:`kinds`), which expert it is by its name (:mod:`file_words`). Where
two files could be meant for one part, neither is chosen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from holocine_core.errors import InputError, MachineError, Problem
from holocine_core.model.card import FILES
from holocine_core.model.components import PART_WORDS
from holocine_core.model.entries import read_entries
from holocine_core.model.file_words import Noise, expert_of, is_single, noise_of
from holocine_core.model.kinds import UNKNOWN, Kind, kind_of, refusal
from holocine_core.model.spec import WAN_1_3B
from holocine_core.store.files import stamp

EXPERTS: Mapping[str, Noise] = {"transformer": "high", "transformer_2": "low"}
SUFFIXES = (".safetensors", ".gguf", ".pth", ".pt")
"""Of files that hold weights."""
TOKENIZERS = ("tokenizer.json", "spiece.model")
_NAMED = {
    "text_encoder": ("text encoder", re.compile(r"t5|text_?encoder", re.IGNORECASE)),
    "vae": ("VAE", re.compile("vae", re.IGNORECASE)),
}
"""Parts: the word that tells kinds of them, and what names of them have."""
_UNREADABLE = "a file that can not be read"
_BLOCK = re.compile(r"blocks\.\d+\.(self_attn|attn1)\.")
_SHARD = re.compile(r"(.+?)-(\d{5})-of-(\d{5})(\.safetensors)")
_DEPTH = 5
_MOST = 5000
"""Files that are looked at: more are no model's folder."""
_PASSED = frozenset({"site-packages", "node_modules", "custom_nodes", "__pycache__", "venv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A weight file, or the shards of one."""

    paths: tuple[Path, ...]
    kind: Kind
    noise: Noise = ""
    """The expert that its name, or its folder's, says."""
    lacks: tuple[Path, ...] = ()
    """Shards that are not there."""

    @property
    def path(self) -> Path:
        return self.paths[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of the files in a folder are a model's parts."""

    parts: Mapping[str, Found] = field(default_factory=dict)
    tokenizer: Path | None = None
    aside: tuple[tuple[Found, str], ...] = ()
    """What is no part, and why."""
    clashes: tuple[Problem, ...] = ()
    """Where more than one file could be meant, or the wrong one is there."""


def models_of(folder: Path) -> Path:
    """The folder that is searched: ComfyUI's models, where its own folder is given."""
    comfy = folder / "models"
    inside = ("diffusion_models", "unet", "text_encoders", "clip", "vae")
    return comfy if sum((comfy / name).is_dir() for name in inside) > 1 else folder


def survey(root: Path) -> tuple[tuple[Found, ...], tuple[Path, ...]]:
    """Every weight file below a folder with what it is, and every tokenizer's file.

    Raises:
        InputError: There are more files than any model's folder has.
    """
    weights, tokenizers = list[Path](), list[Path]()
    for path in _files(root):
        if path.name in TOKENIZERS:
            tokenizers.append(path)
        elif path.suffix in SUFFIXES:
            weights.append(path)
    return tuple(look_at(paths, root) for paths in grouped(weights)), tuple(tokenizers)


def look_at(paths: Sequence[Path], root: Path) -> Found:
    """What a file, or the shards of one, is taken for.

    Args:
        paths: The file; of a sharded one all shards that are there, in order.
        root: The folder up to which folders' names count.
    """
    lacks = lacking(paths)
    try:
        kind = _kind(tuple(paths), tuple(map(stamp, paths)))
    except (MachineError, InputError) as broken:
        kind = Kind(part="", what=_UNREADABLE, why_not=broken.message, hint=broken.hint)
    except OSError as gone:
        why = f"{paths[0].name} can't be read: {gone.strerror or gone}"
        kind = Kind(part="", what=_UNREADABLE, why_not=why, hint="check that it may be read")
    return Found(paths=tuple(paths), kind=kind, noise=expert_of(paths[0], root), lacks=lacks)


@lru_cache(maxsize=4096)
def _kind(paths: tuple[Path, ...], _: tuple[tuple[int, int, int], ...]) -> Kind:
    """Kept by what the files are: a folder is looked at for every film that is planned."""
    listings = [read_entries(path) for path in paths]
    shapes = {name: entry.shape for listing in listings for name, entry in listing.items()}
    kind = kind_of(shapes, paths[0].suffix)
    lacks = lacking(paths)
    if lacks and not kind.sizes:
        part = "transformer" if any(_BLOCK.match(name) for name in shapes) else ""
        kind = Kind(part=part, what=f"shards of a file, of which {len(lacks)} lack")
    return kind


def named_file(path: Path) -> tuple[Path, ...]:
    """The files that a name stands for: one, the shards beside a first one, or those in a folder.

    Raises:
        InputError: There is none.
    """
    if path.is_dir():
        inside = [one for one in sorted(path.iterdir()) if one.suffix in SUFFIXES]
        groups = list(grouped(inside))
        if len(groups) == 1:
            return groups[0]
        names = ", ".join(group[0].name for group in groups) or "none"
        raise InputError(
            f"{path} must hold one weight file, and holds {names}",
            where=str(path),
            hint="name the file itself",
        )
    if not path.is_file():
        raise InputError(f"there is no file {path}", where=str(path), hint="check the path")
    if path.suffix not in SUFFIXES:
        ends = ", ".join(SUFFIXES)
        raise InputError(
            f"{path.name} is no weight file", where=str(path), hint=f"those end in {ends}"
        )
    beside = path.parent.glob("*.safetensors") if _SHARD.fullmatch(path.name) else (path,)
    return next(group for group in grouped(sorted(beside)) if path in group)


def choose(
    found: Sequence[Found], tokenizers: Sequence[Path], named: Mapping[str, Found]
) -> Choice:
    """The parts of one model among the files of a folder.

    Args:
        found: What lies there.
        tokenizers: Tokenizers' files that lie there.
        named: Files that were said outright, by part: they are not chosen between.
    """
    parts = dict(named)
    taken = {path for one in named.values() for path in one.paths}
    left = [one for one in found if taken.isdisjoint(one.paths)]
    clashes = list[Problem]()
    usable = [one for one in left if not one.kind.why_not and one.kind.part]
    _choose_experts(usable, parts, clashes)
    for part in ("text_encoder", "vae"):
        if part not in parts:
            _choose_one(part, [one for one in usable if one.kind.part == part], parts, clashes)
    tokenizer = _tokenizer(tokenizers, parts.get("text_encoder"), clashes)
    used = {one.path for one in parts.values()}
    others = [one for one in left if one.path not in used]
    clashes += _wrong_ones(others, parts)
    aside = tuple((one, _why(one, parts)) for one in others)
    return Choice(parts=parts, tokenizer=tokenizer, aside=aside, clashes=tuple(clashes))


def _choose_experts(
    usable: Sequence[Found], parts: dict[str, Found], clashes: list[Problem]
) -> None:
    """The experts by their names; of a model with one transformer, that."""
    transformers = [
        replace(one, noise="") if is_alone(one) else one
        for one in usable
        if one.kind.part == "transformer"
    ]
    unsaid = [one for one in transformers if not one.noise]
    for part, noise in EXPERTS.items():
        if part not in parts:
            mine = [one for one in transformers if one.noise == noise]
            _choose_one(part, mine, parts, clashes)
    if parts.keys() & EXPERTS.keys() or clashes or not unsaid:
        lone = [part for part in EXPERTS if part in parts]
        if len(lone) == 1 and len(unsaid) == 1 and not clashes and not is_alone(parts[lone[0]]):
            other = next(part for part in EXPERTS if part not in parts)
            clashes.append(which(unsaid, other))
        return
    singles = [one for one in unsaid if is_alone(one)]
    if len(singles) == 1:
        parts["transformer"] = singles[0]
    else:
        clashes.append(which(unsaid, "transformer"))


def is_alone(one: Found) -> bool:
    """Whether a transformer is the only one of its model, whatever its folder is called: the small
    ones, and Wan2.1's."""
    small = one.kind.sizes.get("num_layers") == WAN_1_3B.shape.layers
    return small or (is_single(one.path) and not noise_of(one.path.stem))


def _choose_one(
    part: str, candidates: Sequence[Found], parts: dict[str, Found], clashes: list[Problem]
) -> None:
    different = different_files(candidates)
    if len(different) > 1:
        clashes.append(which(different, part))
    elif different:
        parts[part] = different[0]


def different_files(candidates: Sequence[Found]) -> list[Found]:
    """Files without links to the same ones."""
    seen: dict[Path, Found] = {}
    for one in candidates:
        seen.setdefault(one.path.resolve(), one)
    return list(seen.values())


def which(candidates: Sequence[Found], part: str) -> Problem:
    """That more than one file could be meant for a part."""
    names = " or ".join(one.path.name for one in candidates)
    say = {"transformer": "--expert-high FILE", "transformer_2": "--expert-low FILE"}.get(part)
    outright = f"say which: {say}, or " if say else ""
    word = next(name for name, of in FILES.items() if of == part)
    return Problem(
        f"{PART_WORDS[part]} could be {names}",
        str(candidates[0].path.parent),
        f'{outright}name it in the folder\'s holocine.json: {{"files": {{"{word}": "..."}}}}',
    )


def _tokenizer(paths: Sequence[Path], encoder: Found | None, clashes: list[Problem]) -> Path | None:
    """The encoder's own tokenizer before one that lies somewhere."""
    if encoder is not None and encoder.kind.tokenizer:
        return encoder.path
    for name in TOKENIZERS:
        of_name = {path.resolve(): path for path in paths if path.name == name}
        ours = [path for path in of_name.values() if _is_umt5(path)] or list(of_name.values())
        if len(ours) > 1:
            clashes.append(
                Problem(
                    f"{PART_WORDS['tokenizer']} could be {' or '.join(map(str, ours))}",
                    str(ours[0]),
                    'name it in the folder\'s holocine.json: {"files": {"tokenizer": "..."}}',
                )
            )
            return None
        if ours:
            return ours[0]
    return None


def _is_umt5(path: Path) -> bool:
    """Whether a tokenizer lies where Wan's releases have theirs."""
    return path.parent.name in ("umt5-xxl", "tokenizer")


def _wrong_ones(others: Sequence[Found], parts: Mapping[str, Found]) -> Iterator[Problem]:
    """Files that stand where a part is missing, and are another network."""
    for part, noise in EXPERTS.items():
        broken = [one for one in others if one.kind.what == _UNREADABLE and one.noise == noise]
        if broken and part not in parts:
            kind = broken[0].kind
            yield Problem(kind.why_not, str(broken[0].path), kind.hint)
        wrong = [
            one
            for one in others
            if one.kind.part == "transformer" and one.kind.why_not and one.noise in (noise, "")
        ]
        if wrong and part not in parts and not (part == "transformer_2" and not wrong[0].noise):
            yield refusal(wrong[0].path, wrong[0].kind)
    for part, (word, named) in _NAMED.items():
        wrong = [one for one in others if one.kind.why_not and word in one.kind.what]
        # What can't be known by its tensors may be what its name, or its folder's, says.
        lost = [
            one
            for one in others
            if one.kind.what in (_UNREADABLE, UNKNOWN)
            and any(named.search(name) for name in (one.path.name, one.path.parent.name))
        ]
        if wrong and part not in parts:
            yield refusal(wrong[0].path, wrong[0].kind)
        elif lost and part not in parts:
            first, kind = lost[0].path, lost[0].kind
            why = kind.why_not or f"{first.name} is {kind.what}"
            yield Problem(why, str(first), kind.hint or f"fetch {PART_WORDS[part]} again")


def _why(one: Found, parts: Mapping[str, Found]) -> str:
    if one.kind.why_not:
        return one.kind.why_not
    if not one.kind.part:
        return one.kind.hint or "no part of a model is one"
    if one.kind.part == "transformer" and not one.noise and "transformer_2" in parts:
        return "its name says neither high nor low, and both experts are there"
    return "more than one could be meant"


def _files(root: Path) -> Iterator[Path]:
    """Files below a folder, links followed, hidden folders and programs' own left out."""
    seen, count = set[Path](), 0
    for home, folders, names in os.walk(root, followlinks=True):
        place = Path(home)
        real = place.resolve()
        if real in seen or len(place.relative_to(root).parts) > _DEPTH:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _PASSED)
        for name in sorted(names):
            count += 1
            if count > _MOST:
                raise InputError(
                    f"{root} holds more than {_MOST:,} files",
                    where=str(root),
                    hint="name the folder of the model's files itself",
                )
            path = place / name
            if not name.startswith(".") and path.is_file():
                yield path


def grouped(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Files, and the shards of one file together."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        shard = _SHARD.fullmatch(path.name)
        key = (path.parent, f"{shard[1]}-of-{shard[3]}") if shard else (path.parent, path.name)
        groups.setdefault(key, []).append(path)
    yield from (tuple(sorted(group)) for group in groups.values())


def lacking(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Shards of a file that are not there; ``paths`` are those that are."""
    shard = _SHARD.fullmatch(paths[0].name)
    if shard is None:
        return ()
    there = {path.name for path in paths}
    names = [f"{shard[1]}-{n:05}-of-{shard[3]}.safetensors" for n in range(1, int(shard[3]) + 1)]
    return tuple(paths[0].with_name(name) for name in names if name not in there)
