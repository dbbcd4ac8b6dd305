"""A file of any known kind -> a draft."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from holocine_core.adapt.beats import to_draft
from holocine_core.adapt.draft import Draft, parted
from holocine_core.adapt.final_draft import fdx_elements
from holocine_core.adapt.fountain import fountain_elements
from holocine_core.adapt.raw import raw_draft
from holocine_core.adapt.tables import has_columns, table_draft
from holocine_core.errors import InputError
from holocine_core.script.prompt import GLOBAL, spelled

Kind = Literal["fountain", "fdx", "csv", "raw"]
MAX_BYTES = 5_000_000
"""Of a script; a long film's has less than a tenth of it."""
_SUFFIXES: dict[str, Kind] = {
    ".fountain": "fountain", ".spmd": "fountain", ".fdx": "fdx", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip


# In a file without a telling name, a line that begins so is a scene's heading.
_SCENE_HEADING = re.compile(r"^[ \t]*(?:INT|EXT|EST|I/E)[./ ]", re.M | re.I)
_TITLE_PAGE = re.compile(r"\s*(?:Title|Credit|Author|Authors|Source|Draft date|Contact):", re.I)
_FINAL_DRAFT = re.compile(r"<FinalDraft\b")


@dataclass(frozen=True, slots=True)
class Given:
    """A script that lies in no file."""

    content: bytes
    title: str
    """The film's, where the script has none."""


def read_script(
    path: Path,
    *,
    longest: float,
    fps: float = 15,
    kind: Kind | None = None,
    given: Given | None = None,
) -> Draft:
    """Read a script, shot list or raw prompts.

    Args:
        path: The file.
        longest: Seconds of the longest scene that the model films in one piece.
        fps: The model's frames per second.
        kind: What it is; told by its name, or by what it holds, where None.
        given: What it holds, where ``path`` only names it.

    Raises:
        InputError: The file cannot be read as what it is; with file and line.
    """
    text = _text(path, _content(path) if given is None else given.content)
    if kind is None:
        kind = _SUFFIXES.get(path.suffix.lower()) or kind_of(text)
    stem = path.stem if given is None else given.title
    title = stem.replace("_", " ").replace("-", " ").strip() or path.name
    match kind:
        case "fountain":
            draft = to_draft(fountain_elements(text, str(path)), path.name)
        case "fdx":
            draft = to_draft(fdx_elements(text, str(path)), path.name)
        case "csv":
            draft = table_draft(text, str(path), title)
        case "raw":
            draft = raw_draft(text, str(path), title)
        case None:
            raise InputError(
                "what kind of script is it?",
                where=str(path),
                hint="say --from fountain, fdx, csv or raw",
            )
    if not draft.scenes:
        raise InputError("the script has no scenes", where=str(path), hint="is it the right file?")
    if draft.title == path.name:
        draft = replace(draft, title=title)
    return replace(draft, source=path.name, scenes=parted(draft.scenes, longest, fps))


def kind_of(text: str) -> Kind | None:
    """What a script is, by its own signs; None where it has none of them."""
    if GLOBAL in spelled(text):
        return "raw"
    if _FINAL_DRAFT.search(text):
        return "fdx"
    if _SCENE_HEADING.search(text) or _TITLE_PAGE.match(text):
        return "fountain"
    return "csv" if has_columns(text) else None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the script cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint="is that its name?",
        ) from error


def _text(path: Path, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InputError(
            f"the script has more than {MAX_BYTES:,} bytes",
            where=str(path),
            hint="is this the right file? Part it, and import the parts",
        )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded_utf16(content, path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"byte {error.object[error.start]:#04x} is no UTF-8",
            where=f"{path}:{line}",
            hint="save the file as UTF-8",
        ) from None


def _decoded_utf16(content: bytes, path: Path) -> str:
    """As spreadsheets save "Unicode text"."""
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file begins as UTF-16, and is none at byte {error.start}",
            where=str(path),
            hint="save the file as UTF-8",
        ) from None
