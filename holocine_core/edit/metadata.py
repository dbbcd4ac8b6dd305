"""Provenance inside the file: tags of any size and chapters, through ffmpeg's ffmetadata document.

What is written is what is read, in MP4, MOV and Matroska; what a container would bend is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from holocine_core.edit.ffmpeg import probe
from holocine_core.edit.process import Run, source
from holocine_core.errors import InputError

# Written by the container itself, not by us.
_CONTAINER_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
_ESCAPED = re.compile(r"[=;#\\\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A titled stretch of film, in frames; ``end_frame`` is out."""

    start_frame: int
    end_frame: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmMetadata:
    """Tags and chapters of one film.

    Args:
        tags: Lower-case keys (Matroska keeps no case) to non-empty text, such as title, comment
            and holocine.
        chapters: One after another without gaps from frame 0 (MP4 closes gaps).

    Raises:
        InputError: Text that no file gives back as it was: one with a NUL.
        ValueError: Keys or chapters that a container would bend.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()

    def __post_init__(self) -> None:
        for key, text in self.tags.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key in _CONTAINER_TAGS or not text:
                raise ValueError(f"tag '{key}' is empty, or a name not every container keeps")
            _require_writable(f"tag '{key}'", text)
        at = 0
        for chapter in self.chapters:
            if chapter.start_frame != at or chapter.end_frame <= at:
                raise ValueError(f"chapter '{chapter.title}' must start at frame {at} and last")
            _require_writable("the chapter's title", chapter.title)
            at = chapter.end_frame


class FoundMetadata(FilmMetadata):
    """What a file of others has: keys and chapters such as are never written here."""

    def __post_init__(self) -> None:
        """Nothing is asked of what is there."""


def _require_writable(what: str, text: str) -> None:
    if "\0" in text:
        raise InputError(f"{what} holds a NUL", hint="leave that character out")


def metadata_document(metadata: FilmMetadata, fps: Fraction) -> str:
    """The ffmetadata text of tags and chapters, for a film of ``fps`` frames per second."""
    lines = [";FFMETADATA1", *(f"{key}={_line(text)}" for key, text in metadata.tags.items())]
    for chapter in metadata.chapters:
        lines += [
            "[CHAPTER]",
            f"TIMEBASE={fps.denominator}/{fps.numerator}",
            f"START={chapter.start_frame}",
            f"END={chapter.end_frame}",
            f"title={_line(chapter.title)}",
        ]
    return "\n".join(lines) + "\n"


def metadata_args(suffix: str, source: int) -> tuple[str, ...]:
    """Output options that take tags and chapters from input ``source`` into a ``suffix`` file."""
    take = ("-map_metadata", str(source), "-map_chapters", str(source))
    if suffix == ".mkv":
        return (*take, "-write_crc32", "0")  # Of tags that are sealed later (edit/seal.py).
    return (*take, "-movflags", "+faststart+use_metadata_tags")


def read_metadata(path: Path) -> FilmMetadata:
    """Tags (keys in lower case) and chapters of a film. Raises InputError if unreadable."""
    fps = probe(path).fps
    # Without bitexact the document's own encoder would stand in it as if it were the film's.
    run = Run([*source(path), "-fflags", "+bitexact", "-f", "ffmetadata", "pipe:1"])
    try:
        # What is no UTF-8 stays told apart from text: it is damage, not a letter.
        with run.waited():
            document = run.stdout.read().decode(errors="surrogateescape")
        failed = run.wait_reading(path)
    finally:
        run.kill()
    if failed:
        raise InputError(f"ffmpeg cannot read its tags: {run.reason}", where=str(path))
    tags: dict[str, str] = {}
    chapters = []
    for section, entries in _sections(document):
        if section == "":
            tags = {key.lower(): text for key, text in entries.items()}
        elif section == "CHAPTER":
            tick = Fraction(entries["TIMEBASE"]) * fps
            start, end = (round(int(entries[key]) * tick) for key in ("START", "END"))
            title = entries.get("title", "")
            chapters.append(Chapter(start_frame=start, end_frame=end, title=title))
    kept = {key: text for key, text in tags.items() if key not in _CONTAINER_TAGS}
    try:
        return FilmMetadata(tags=kept, chapters=tuple(chapters))
    except (ValueError, InputError):
        return FoundMetadata(tags=kept, chapters=tuple(chapters))


def _line(text: str) -> str:
    escaped = _ESCAPED.sub(lambda special: "\\" + special[0], text)
    # ffmpeg's reader takes the newline after a final backslash for a part of the text, escaped or
    # not; a NUL ends its line always, and the empty line that then follows is skipped.
    return escaped + "\0" if text.endswith("\\") else escaped


def _sections(document: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The global section (named '') and every bracketed one, with their entries unescaped."""
    ends = [m.end() for m in re.finditer(r"(?:[^\\\n]|\\.)*(?:\n|\Z)", document, re.S)]
    name, entries = "", dict[str, str]()
    for start, end in pairwise([0, *ends]):
        line = document[start:end].removesuffix("\n")
        if bracket := re.fullmatch(r"\[([A-Z]+)\]", line):
            yield name, entries
            name, entries = bracket[1], {}
        elif entry := re.fullmatch(r"((?:[^\\=]|\\.)*)=(.*)", line, re.S):
            key, text = (re.sub(r"\\(.)", r"\1", part, flags=re.S) for part in entry.groups())
            entries[key] = text
    yield name, entries
