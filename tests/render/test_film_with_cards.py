"""A film with cards: longer by them, every shot at its new place, nothing shot again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.edit.fonts import font_files, letters_in
from holocine_core.errors import InputError
from holocine_core.evaluate.screening import screen
from holocine_core.film.cut_list import cut_list
from holocine_core.film.finish import cut_cards
from holocine_core.film.planning import plan_film
from holocine_core.film.preflight import preflight
from holocine_core.film.provenance import inspect
from holocine_core.plan.title_cards import card_of
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.store.vault import Vault
from tests.conftest import SMALL, Write, expected_frames
from tests.edit.fonts import write_font

pytestmark = pytest.mark.slow

CARDS = """
cards:
  opening: {text: Small, under: a film, seconds: 1}
  closing: The End
"""


def all_frames(path: Path) -> np.ndarray:
    return np.concatenate(list(read_frames(path))).astype(int)


def test_cards_move_every_shot_and_reshoot_none(write: Write, tmp_path: Path) -> None:
    plain = render_film(write(SMALL), tmp_path / "plain.mp4", Request(work=tmp_path / "work"))
    path = write(SMALL + CARDS)
    plan = plan_film(path, Request(out=tmp_path / "film.mp4", work=tmp_path / "work"))
    assert plan.to_shoot == 0
    assert expected_frames(plan) == plain.frames + 15 + 30
    film = render_film(path, tmp_path / "film.mp4", Request(work=tmp_path / "work"))
    assert film.frames == plain.frames + 45
    before, after = all_frames(tmp_path / "plain.mp4"), all_frames(film.path)
    assert np.abs(after[15:-30] - before).mean() < 3
    assert after[0].mean() < 20
    assert after[-1].mean() < 20

    old, new = (inspect(one).chapters for one in (tmp_path / "plain.mp4", film.path))
    assert [one.title for one in new] == ["Small", *(one.title for one in old), "The End"]
    assert [one.start_frame - 15 for one in new[1:-1]] == [one.start_frame for one in old]
    assert (new[0].end_frame, new[-1].end_frame) == (15, film.frames)


def test_the_cut_list_has_the_cards(write: Write, tmp_path: Path) -> None:
    film = render_film(write(SMALL + CARDS), tmp_path / "film.mp4")
    cuts = cut_list(inspect(film.path))
    assert [shot.name for shot in cuts.shots] == [
        "opening card", "storm:1", "storm:2", "dawn:1", "closing card",
    ]  # fmt: skip
    assert cuts.shots[0].prompt == "Small"
    assert [shot.span.start for shot in cuts.shots[1:]] == [
        shot.span.stop for shot in cuts.shots[:-1]
    ]
    assert cuts.shots[3].facts["begins"] == "crossfade"


def test_what_is_evaluated_is_without_cards(write: Write, tmp_path: Path) -> None:
    plain = render_film(write(SMALL), tmp_path / "plain.mp4", Request(work=tmp_path / "work"))
    film = render_film(write(SMALL + CARDS), tmp_path / "film.mp4", Request(work=tmp_path / "work"))
    for a, b in zip(screen(plain.path), screen(film.path), strict=True):
        assert a.shots == b.shots
        assert np.abs(a.frames.astype(int) - b.frames).mean() < 3


def test_another_card_is_another_film(write: Write, tmp_path: Path) -> None:
    render_film(write(SMALL + CARDS), tmp_path / "film.mp4")
    first = (tmp_path / "film.mp4").read_bytes()
    render_film(write(SMALL + CARDS.replace("The End", "Fin")), tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() != first


def test_a_card_lasts_at_the_delivered_rate_too(write: Write, tmp_path: Path) -> None:
    path = write(SMALL + CARDS + "deliver: {fps: 30, motion: interpolate}\n")
    film = render_film(path, tmp_path / "film.mp4")
    assert film.fps == 30
    assert inspect(film.path).chapters[0].end_frame == 30
    assert probe(film.path).frames == film.frames


@pytest.mark.parametrize(
    ("cards", "place", "message"),
    [
        ("cards: {opening: {under: x}}", "1:", "text"),
        ("cards: {opening: {text: a, ink: red}}", "1:", "ink"),
        ("cards: {ending: a}", "1:", "ending"),
        ("cards: {closing: {text: a, seconds: 0}}", "1:", "seconds"),
    ],
)
def test_a_wrong_card_has_its_place(
    write: Write, tmp_path: Path, cards: str, place: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        plan_film(write(f"{cards}\nshots: [a]"), Request(out=tmp_path / "film.mp4"))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert f"film.yaml:{place}" in str(problem.where)


def test_drafts_have_a_slate_and_films_have_none(write: Write, tmp_path: Path) -> None:
    path = write(SMALL.replace("draft: {size: 16x16", "draft: {size: 64x64") + "slate: true\n")
    plain = write(SMALL.replace("draft: {size: 16x16", "draft: {size: 64x64"), name="plain.yaml")
    shots = {}
    for name, source in (("slate", path), ("plain", plain)):
        options = Request(profile="draft", work=tmp_path / "work")
        shots[name] = all_frames(render_film(source, tmp_path / f"{name}.mp4", options).path)
    differs = np.abs(shots["slate"] - shots["plain"]).mean((0, 2, 3))
    assert differs[-6:].mean() > 10
    assert differs[:40].mean() < 3
    whole = plan_film(path, Request(out=tmp_path / "whole.mp4", work=tmp_path / "other"))
    clean = plan_film(plain, Request(out=tmp_path / "whole.mp4", work=tmp_path / "other"))
    assert expected_frames(whole) == expected_frames(clean)
    assert whole.takes[0].clip_key == clean.takes[0].clip_key
    assert Fraction(whole.fps) == 15


def test_a_card_is_drawn_in_fonts_that_have_its_letters(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = "\U00013000"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    font_files.cache_clear()
    plan = plan_film(
        write(SMALL + f"cards: {{closing: {letter}}}\n"),
        Request(out=tmp_path / "film.mp4", work=tmp_path / "work"),
    )
    with pytest.raises(InputError, match=r"no font on this machine has .* \(U\+13000\)"):
        preflight(plan)
    write_font(tmp_path / "fonts" / "own.ttf", letter)
    font_files.cache_clear()
    vault = Vault(plan.work)
    preflight(plan)
    cut_cards(plan, vault)
    card = card_of(plan, "closing")
    assert card is not None
    drawn = vault.path("clips", card.key).read_bytes()
    kept = vault.find("clips", card.key)
    assert kept is not None
    assert kept.sidecar["more_fonts"] == 1
    # A clip from before, with a box for the letter, is drawn again when the film is made anew.
    vault.keep("clips", card.key, _write_boxes, {"scene": "the closing card"})
    cut_cards(plan, vault)
    assert vault.path("clips", card.key).read_bytes() == drawn
    # It is kept where there is no such font any more, and the film can still be made.
    (tmp_path / "fonts" / "own.ttf").unlink()
    font_files.cache_clear()
    letters_in.cache_clear()
    preflight(plan)
    cut_cards(plan, vault)
    assert vault.path("clips", card.key).read_bytes() == drawn
    font_files.cache_clear()


def _write_boxes(path: Path) -> None:
    path.write_bytes(b"boxes")
