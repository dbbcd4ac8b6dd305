from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import MASTER_ARGS, probe, write_frames
from holocine_core.edit.metadata import (
    Chapter,
    FilmMetadata,
    metadata_args,
    metadata_document,
    read_metadata,
)
from holocine_core.edit.process import url
from holocine_core.errors import InputError

NASTY = (
    "[CHAPTER]\n=lead;#\\ \\= \\\n\\\\\n;x\r\ny\t\x01\u2028\x85 caf\u00e9 \u6f22\u5b57 \U0001f600  "
)


def film(path: Path, metadata: FilmMetadata, fps: Fraction, frames: int = 24) -> Path:
    tags = path.with_name("tags.txt")
    tags.write_text(metadata_document(metadata, fps), encoding="utf-8", newline="\n")
    args = (*MASTER_ARGS, *metadata_args(path.suffix, 1))
    inputs = ("-f", "ffmetadata", "-i", url(tags))
    with write_frames(path, 32, 32, fps, args, inputs) as writer:
        writer.write(np.zeros((frames, 32, 32, 3), np.uint8))
    return path


def recipe(characters: int) -> str:
    """A longer JSON document, with everything a prompt can hold."""
    words = [f"{number}: {NASTY}" for number in range(characters // 60)]
    text = json.dumps({"seed": 7, "prompts": words}, ensure_ascii=False, indent=1)
    assert len(text) > characters
    return text


@pytest.mark.parametrize(
    ("suffix", "fps"),
    [
        (".mp4", Fraction(15)),
        (".mp4", Fraction(30000, 1001)),
        (".mkv", Fraction(24000, 1001)),
        (".mov", Fraction(24)),
    ],
)
def test_tags_and_chapters_come_back_as_they_went(
    tmp_path: Path, suffix: str, fps: Fraction
) -> None:
    written = FilmMetadata(
        tags={
            "title": NASTY,
            "comment": "made by holocine",
            "holocine": recipe(200_000),
            "shot_list": "1",
        },
        chapters=(
            Chapter(start_frame=0, end_frame=1, title="One = ; # \\ \n[CHAPTER]\nEND=3"),
            Chapter(start_frame=1, end_frame=13, title=""),
            Chapter(start_frame=13, end_frame=24, title="\u7b2c\u4e09\u5834" + "x" * 300),
        ),
    )
    path = film(tmp_path / f"film{suffix}", written, fps)
    assert read_metadata(path) == written
    assert probe(path).frames == 24


def test_a_film_without_any_has_none(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", FilmMetadata(), Fraction(15))
    assert read_metadata(path) == FilmMetadata()


def test_many_chapters_keep_their_frames(tmp_path: Path) -> None:
    fps = Fraction(24000, 1001)
    chapters = tuple(Chapter(start_frame=i, end_frame=i + 1, title=str(i)) for i in range(300))
    written = FilmMetadata(chapters=chapters)
    assert read_metadata(film(tmp_path / "film.mp4", written, fps, frames=300)) == written


def test_the_same_metadata_gives_the_same_bytes(tmp_path: Path) -> None:
    written = FilmMetadata(
        tags={"title": "x"}, chapters=(Chapter(start_frame=0, end_frame=24, title="y"),)
    )
    for suffix in (".mp4", ".mkv"):
        one, two = (
            film(tmp_path / f"{name}{suffix}", written, Fraction(15)).read_bytes() for name in "ab"
        )
        assert one == two


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_backslash_may_be_the_last_character(tmp_path: Path, suffix: str) -> None:
    written = FilmMetadata(
        tags={"title": "C:\\", "comment": "two \\\\", "holocine": "\\"},
        chapters=(
            Chapter(start_frame=0, end_frame=9, title="\\"),
            Chapter(start_frame=9, end_frame=15, title="line\n\\\\\\"),
            Chapter(start_frame=15, end_frame=24, title="plain"),
        ),
    )
    assert read_metadata(film(tmp_path / f"film{suffix}", written, Fraction(15))) == written


def test_text_no_file_keeps_is_refused() -> None:
    with pytest.raises(InputError, match="NUL"):
        FilmMetadata(tags={"title": "nul\0"})
    with pytest.raises(InputError, match="NUL"):
        FilmMetadata(chapters=(Chapter(start_frame=0, end_frame=1, title="nul\0"),))


@pytest.mark.parametrize("key", ["Title", "a b", "x-y", "", "encoder", "major_brand"])
def test_names_no_container_keeps_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        FilmMetadata(tags={key: "x"})


@pytest.mark.parametrize("spans", [[(1, 5)], [(0, 5), (6, 9)], [(0, 5), (4, 9)], [(0, 0)]])
def test_chapters_leave_no_gap(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="must start at frame"):
        FilmMetadata(
            chapters=tuple(Chapter(start_frame=a, end_frame=b, title="x") for a, b in spans)
        )


def test_what_is_no_film_has_no_metadata(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_metadata(tmp_path / "gone.mp4")
