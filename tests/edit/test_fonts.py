"""Letters of every script: fonts that have them, several in one line, and none at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.fonts import font_files, has_letter, letters_in
from holocine_core.edit.lettering import Lettering, clusters, faces_for, named, wrap
from holocine_core.edit.title_cards import card_picture, check_card
from holocine_core.errors import InputError, MachineError
from holocine_core.script.screenplay import Card
from tests.edit.fonts import write_font

# Letters that Pillow's own font and DejaVu lack: Egyptian, Cuneiform, and of private use.
ODD, ODDER, NOBODYS = "\U00013000", "\U00012000", "\ue123"
SIZE = (224, 128)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's own folder of fonts."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    font_files.cache_clear()
    yield tmp_path / "fonts"
    font_files.cache_clear()


def test_a_fonts_letters_are_read_from_its_table(folder: Path) -> None:
    path = write_font(folder / "own.ttf", f"ab\uf000{ODD}")
    assert letters_in(path) == ((0x61, 0x62), (0xF000, 0xF000), (0x13000, 0x13000))
    assert [has_letter(path, one) for one in f"`abc{ODD}{ODDER}"] == [
        False, True, True, False, True, False,
    ]  # fmt: skip
    assert font_files() == (path,)


def test_what_is_no_font_has_no_letters(folder: Path) -> None:
    for i, held in enumerate(
        (b"", b"\0\1\0\0", b"\0\1\0\0\0\7" + b"\xff" * 90, b"ttcf" + b"\xff" * 9)
    ):
        (path := folder / f"{i}.ttf").parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held)
        assert letters_in(path) == ()
    whole = write_font(folder / "whole.ttf", "abc" + ODD).read_bytes()
    for cut in range(0, len(whole), 7):
        (folder / f"cut{cut}.ttf").write_bytes(whole[:cut])
        letters_in(folder / f"cut{cut}.ttf")
    assert letters_in(write_font(folder / "colour.ttf", ODD, outlines=False)) == ()


def ink(card: Card) -> np.ndarray:
    return (np.asarray(card_picture(card, SIZE)).astype(int) > 128).any(-1)


def test_a_card_takes_a_font_that_has_its_letters(folder: Path) -> None:
    write_font(folder / "own.ttf", ODD)
    card = Card(text=ODD, ink="#ffffff", paper="#000000")
    check_card(card, SIZE, "opening")
    there = ink(card)
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    assert there[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.9  # a square
    assert abs(columns[0] + columns[-1] - SIZE[0]) <= 3


def test_letters_of_several_scripts_stand_in_one_line(folder: Path) -> None:
    write_font(folder / "one.ttf", ODD)
    write_font(folder / "two.ttf", ODDER)
    faces = faces_for(f"End {ODD}{ODDER} End")
    assert (len(faces.others), faces.lacking) == (2, ())
    large = Lettering(faces, 20)
    assert large.getlength(f"End{ODD}{ODDER}") == pytest.approx(large.getlength("End") + 40)
    alone = Lettering(faces_for("End"), 20)
    assert large.getlength("End") == alone.getlength("End")
    card = Card(text=f"End {ODD}{ODDER}", ink="#ffffff", paper="#000000")
    columns = np.flatnonzero(ink(card).any(0))
    assert abs(columns[0] + columns[-1] - SIZE[0]) <= 6
    assert wrap(f"{ODD}" * 5, large, 41) == [ODD * 2, ODD * 2, ODD]


def test_a_letter_that_no_font_has_is_refused_by_name(folder: Path) -> None:
    write_font(folder / "own.ttf", ODD)
    card = Card(text=f"A {ODD}", under=f"of {NOBODYS}\n")
    with pytest.raises(
        InputError, match=r"no font on this machine has '.' \(U\+E123\) of the"
    ) as no:
        check_card(card, SIZE, "closing")
    assert "install a font" in no.value.hint
    assert named(tuple("abcdefg")).endswith("and 2 more")


def test_signs_without_a_shape_need_no_font(folder: Path) -> None:
    faces = faces_for("A\u00a0B\u200d\ufe0f\u00ad C\n\t")
    assert faces.lacking == ()


def test_scripts_that_are_shaped_need_the_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import features

    write_font(folder / "own.ttf", "ह")
    assert faces_for("ह").others
    monkeypatch.setattr(features, "check", lambda name: name != "raqm")
    with pytest.raises(MachineError, match="cannot join the letters"):
        faces_for("ह")


def test_what_belongs_together_is_not_parted() -> None:
    assert list(clusters("กี่ a")) == ["กี่", " ", "a"]
    assert list(clusters("क्षि")) == ["क्षि"]
    assert list(clusters("👩\u200d🚀👍🏽")) == ["👩\u200d🚀", "👍🏽"]


def test_fontconfigs_fonts_count_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_font(folder / "own.ttf", ODD)
    other = write_font(folder.parent / "elsewhere" / "bold.ttf", ODD)
    tool = folder.parent / "none" / "fc-list"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{own}'; echo '{other}'; echo /nowhere/x.ttf; echo x.pcf\n")
    tool.chmod(0o755)
    font_files.cache_clear()
    assert font_files() == (own, other)
