"""A file of any known kind -> a draft."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path
from typing import Literal

from holocine_core.adapt.beats import to_draft
from holocine_core.adapt.draft import Draft, parted
from holocine_core.adapt.final_draft import fdx_elements
from holocine_core.adapt.fountain import fountain_elements
from holocine_core.adapt.raw import raw_draft
from holocine_core.adapt.tables import table_draft
from holocine_core.errors import InputError
from holocine_core.script.prompt import GLOBAL, spelled

Kind = Literal["fountain", "fdx", "csv", "raw"]
MAX_BYTES = 5_000_000
"""Of a script; a long film's has less than a tenth of it."""
_SUFFIXES: dict[str, Kind] = {
    ".fountain": "fountain", ".spmd": "fountain", ".fdx": "fdx", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip


def read_script(path: Path, *, longest: float, fps: float = 15, kind: Kind | None = None) -> Draft:
    """Read a script, shot list or raw prompts.

    Args:
        path: The file.
        longest: Seconds of the longest scene that the model films in one piece.
        fps: The model's frames per second.
        kind: What it is; told by its name, or by its first words, where None.

    Raises:
        InputError: The file cannot be read as what it is; with file and line.
    """
    text = _text(path)
    if kind is None:
        kind = _SUFFIXES.get(path.suffix.lower()) or ("raw" if GLOBAL in spelled(text) else None)
    title = path.stem.replace("_", " ").replace("-", " ").strip() or path.name
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


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the script cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint="is that its name?",
        ) from error
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
