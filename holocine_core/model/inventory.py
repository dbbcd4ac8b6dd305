"""What lies in a model's folder: each file with what it is, which part it is taken for, or why it
was left aside. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from holocine_core.model.components import PART_WORDS, LocatedModel
from holocine_core.model.gathered import gathered
from holocine_core.model.search import Found, models_of, survey

_OTHER = "the model has another"
_NONE = "no part of a model is one"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file, or the shards of one."""

    path: Path
    """The first where it is in shards."""
    shards: int
    what: str
    """What it is, by its tensors, in words."""
    parts: tuple[str, ...] = ()
    """The model's parts that it holds."""
    taken_for: str = ""
    """The same in words; empty where it was left aside."""
    why: str = ""
    """Why it holds none."""


def model_files(
    folder: Path, located: LocatedModel | None, named: Mapping[str, Path] | None = None
) -> tuple[ModelFile, ...]:
    """Every weight file and tokenizer of a folder: the model's parts first.

    Args:
        folder: Of any layout.
        located: The model in it; None where it was refused.
        named: Files that were said outright, by part.

    Raises:
        InputError: The folder has too many files, or a file that was named is none.
    """
    found, tokenizers = survey(models_of(folder))
    if located is None:
        listed = tuple(_undecided(folder, named or {}))
    else:
        listed = tuple(_of_model(located, found, tokenizers))
    return tuple(sorted(listed, key=lambda one: (not one.parts, _rank(one), one.path)))


def _rank(one: ModelFile) -> int:
    return list(PART_WORDS).index(one.parts[0]) if one.parts else 0


def _of_model(
    located: LocatedModel, found: tuple[Found, ...], tokenizers: tuple[Path, ...]
) -> Iterator[ModelFile]:
    holds: dict[Path, list[str]] = {}
    for part in PART_WORDS:
        if part in located.components:
            holds.setdefault(located.components[part].paths[0].resolve(), []).append(part)
    told = {part: located.called(part) for part in PART_WORDS}
    for one in found:
        parts = tuple(holds.pop(one.path.resolve(), ()))
        yield _listed(one, parts, told, _no_part(one))
    for path in tokenizers:
        parts = tuple(holds.pop(path.resolve(), ()))
        what = f"a list of tokens ({path.name})"
        yield _file(path, what, parts, told, _OTHER)
    for parts in map(tuple, holds.values()):
        # Named by the call, and lying elsewhere.
        yield _file(located.components[parts[0]].paths[0], "named outright", parts, told, "")


def _no_part(one: Found) -> str:
    return one.kind.why_not or one.kind.hint or (_OTHER if one.kind.part else _NONE)


def _undecided(folder: Path, named: Mapping[str, Path]) -> Iterator[ModelFile]:
    choice = gathered(folder, named)
    for part, one in choice.parts.items():
        yield _listed(one, (part,), PART_WORDS, "")
    for one, why in choice.aside:
        yield _listed(one, (), PART_WORDS, why)


def _listed(one: Found, parts: tuple[str, ...], words: Mapping[str, str], why: str) -> ModelFile:
    return replace(_file(one.path, one.kind.what, parts, words, why), shards=len(one.paths))


def _file(
    path: Path, what: str, parts: tuple[str, ...], words: Mapping[str, str], why: str
) -> ModelFile:
    return ModelFile(
        path=path,
        shards=1,
        what=what,
        parts=parts,
        taken_for=" and ".join(words[part] for part in parts),
        why="" if parts else why,
    )
