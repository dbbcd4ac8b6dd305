"""What lies in a model's folder: each file with what it is, which part it is taken for, or why it
was left aside. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holocine_core.model.components import LocatedModel
from holocine_core.model.gathered import gathered
from holocine_core.model.search import PART_WORDS, Found, models_of, survey


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
    why: str = ""
    """Why it holds none."""

    @property
    def taken_for(self) -> str:
        """Its parts in words; empty where it was left aside."""
        return " and ".join(PART_WORDS[part] for part in self.parts)


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
    for one in found:
        parts = tuple(holds.pop(one.path.resolve(), ()))
        why = "" if parts else _no_part(one)
        yield _listed(one, parts, why)
    for path in tokenizers:
        parts = tuple(holds.pop(path.resolve(), ()))
        why = "" if parts else "the model has another"
        yield ModelFile(path=path, shards=1, what="a tokenizer", parts=parts, why=why)
    for part in [part for parts in holds.values() for part in parts]:
        # Named by the call, and lying elsewhere.
        path = located.components[part].paths[0]
        yield ModelFile(path=path, shards=1, what=PART_WORDS[part], parts=(part,))


def _undecided(folder: Path, named: Mapping[str, Path]) -> Iterator[ModelFile]:
    choice = gathered(folder, named)
    for part, one in choice.parts.items():
        yield _listed(one, (part,), "")
    for one, why in choice.aside:
        yield _listed(one, (), why)


def _no_part(one: Found) -> str:
    return one.kind.why_not or one.kind.hint or "the model has another"


def _listed(one: Found, parts: tuple[str, ...], why: str) -> ModelFile:
    return ModelFile(path=one.path, shards=len(one.paths), what=one.kind.what, parts=parts, why=why)
