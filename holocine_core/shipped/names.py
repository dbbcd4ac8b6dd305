"""A short name -> the file that ships under it; or the file that a person's words mean."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import InputError

HOME = Path(__file__).parent
SCHEMA_LINE = "# yaml-language-server:"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file that ships.

    Attributes:
        folder: Where its files lie, below this one.
        what: What people call such a file.
        suffix: What their names end with.
    """

    folder: str
    what: str
    suffix: str = ".yaml"

    def files(self) -> Mapping[str, Path]:
        """By name, in the order of the names."""
        return {
            path.name.removesuffix(self.suffix): path
            for path in sorted((HOME / self.folder).glob(f"*{self.suffix}"))
        }


RECIPES = Kind("recipes", "recipe")
CODECS = Kind("codecs", "recipe of a codec")
WORDS = Kind("words", "table of words", ".safetensors")
SUITES = Kind("suites", "suite")


def templates(*, drawn: bool) -> Kind:
    """Screenplays to begin with, each under the same names for both kinds of model.

    Args:
        drawn: For a model that knows the drawn world's words alone, as nano does.
    """
    return Kind("templates/drawn" if drawn else "templates/told", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A file that ships: ``name`` is what it is called by, ``summary`` what its first line says."""

    name: str
    path: Path
    summary: str


def listed(kind: Kind) -> tuple[Shipped, ...]:
    """All files of a kind that tell what they are."""
    return tuple(
        Shipped(name=name, path=path, summary=_summary(path)) for name, path in kind.files().items()
    )


def _summary(path: Path) -> str:
    """The first line of the comment that a file begins with."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(SCHEMA_LINE):
            return line.removeprefix("#").strip()
    return ""


def is_name(text: str) -> bool:
    """Whether a text is one word, such as ``nano-quick``: a file is told by its folder or by what
    its name ends with (``./nano-quick``, ``nano-quick.yaml``)."""
    return "/" not in text and "\\" not in text and Path(text).suffix not in _ENDINGS


_ENDINGS = (".yaml", ".yml", ".json", ".safetensors")


def file_meant(text: str, kind: Kind) -> Path:
    """The file that a name or a path means.

    A word that ships is its name; other words are files of the current folder.

    Args:
        text: As a person wrote it.
        kind: Of what.

    Raises:
        InputError: Nothing of that name ships and no such file is there; or one ships, and a file
            of that name lies in the current folder too.
    """
    files = kind.files()
    here = Path(text).expanduser()
    if not is_name(text):
        if here.is_file() or here.stem not in files:
            return here  # Where it is not there either, its reader says so.
        raise InputError(
            f"no {kind.what} at {here}",
            where=str(here),
            hint=f"holocine brings one of that name: write {here.stem}",
        )
    if text not in files:
        if here.is_file():
            return here
        near = difflib.get_close_matches(text, files, n=1, cutoff=0.5)
        raise InputError(
            f"there is no {kind.what} '{text}', neither by that name nor as a file",
            hint=(f"did you mean {near[0]}? " if near else "") + f"known are {', '.join(files)}",
        )
    both = next((one for one in (here, Path(text + kind.suffix)) if one.is_file()), None)
    if both is not None:
        raise InputError(
            f"'{text}' is a {kind.what} that holocine brings, and the file {both} lies here too",
            where=str(both),
            hint=f"for the file write ./{both}; for the other rename the file, or go elsewhere",
        )
    return files[text]
