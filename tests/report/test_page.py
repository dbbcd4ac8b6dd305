"""The report of a film: what it says is the film's, and a browser shows all of it."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.exchange import CutList, CutShot
from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, probe, write_frames
from holocine_core.edit.page import Page, page_html
from holocine_core.evaluate import film_page
from holocine_core.evaluate.features import colours
from holocine_core.evaluate.film_page import _likeness, _measure, _watch
from holocine_core.script.timeline import DeliveredSpan
from tests.report.browser import CHROMIUM, ask

FPS = Fraction(15)
SPANS = (DeliveredSpan(0, 13), DeliveredSpan(13, 37), DeliveredSpan(37, 61))
H264 = ("-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p", "-g", "5")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def picture(seed: int) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)


def shots() -> list[Frames]:
    """Three still shots of coarse noise; the third is the first again."""
    coarse = [picture(1), picture(2), picture(1)]
    large = [np.repeat(np.repeat(one, 16, 0), 16, 1) for one in coarse]
    return [np.stack([one] * len(span)) for one, span in zip(large, SPANS, strict=True)]


def write_film(path: Path, frames: Frames, args: tuple[str, ...] = H264) -> Path:
    height, width = frames.shape[1:3]
    with write_frames(path, width, height, FPS, args) as writer:
        writer.write(frames)
    return path


def cut_list(film: Path, spans: tuple[DeliveredSpan, ...] = SPANS) -> CutList:
    return CutList(
        film=film,
        title="<b>Quay</b> & co",
        fps=FPS,
        size=(64, 48),
        frames=61,
        sound=False,
        shots=tuple(
            CutShot(
                name=f"quay:{i}",
                span=span,
                prompt=f"Shot {i} <shows> & tells",
                facts={"scene": "quay" if i < 3 else "deck", "begins": "cut"},
            )
            for i, span in enumerate(spans, 1)
        ),
        facts={},
    )


def seen_page(film: Path, spans: tuple[DeliveredSpan, ...] = SPANS) -> Page:
    cuts = cut_list(film, spans)
    seen = _watch(cuts)
    measured, by = _measure(cuts, seen)
    looks = [film_page._looks(shot) for shot in cuts.shots]
    return Page(
        cuts=cuts,
        pictures=tuple((seen.frames[a], seen.frames[b], seen.frames[c]) for a, b, c in looks),
        measured=measured,
        measured_by=by,
        changes=tuple(seen.changes),
        likeness={"colour": _likeness(cuts, seen, colours)},
        settings={"model": "nano & co"},
        screenplay="title: <Quay>\n",
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return write_film(folder / "film.mp4", np.concatenate(shots()))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where TransNetV2 is not installed."""
    monkeypatch.setattr("holocine_core.evaluate.cuts.detector_installed", lambda: False)


@pytest.mark.usefixtures("plain")
def test_cuts_are_measured_in_the_picture(film: Path) -> None:
    page = seen_page(film)
    assert [cut.found for cut in page.measured] == [13, 37]
    late = seen_page(film, (DeliveredSpan(0, 11), DeliveredSpan(11, 41), DeliveredSpan(41, 61)))
    assert [cut.found for cut in late.measured] == [13, 37]
    none = seen_page(film, (DeliveredSpan(0, 25), DeliveredSpan(25, 61)))
    assert [cut.found for cut in none.measured] == [None]


@pytest.mark.slow
def test_transnet_measures_where_it_is_installed(film: Path) -> None:
    page = seen_page(film)
    assert page.measured_by == "TransNetV2"
    assert [cut.found for cut in page.measured] == [13, 37]


@pytest.mark.usefixtures("plain")
def test_changes_and_likeness_are_those_of_the_frames(film: Path) -> None:
    page = seen_page(film)
    assert len(page.changes) == 60
    assert sorted(np.argsort(page.changes)[-2:] + 1) == [13, 37]
    colour = np.array(page.likeness["colour"])
    assert np.allclose(np.diag(colour), 1, atol=1e-4)
    assert colour[0, 2] > 0.95 > 0.5 > colour[0, 1]


@pytest.mark.usefixtures("plain")
def test_a_page_holds_the_film_itself_and_no_markup_of_its_texts(
    film: Path, tmp_path: Path
) -> None:
    text = page_html(seen_page(film), tmp_path)
    held = re.search(r'<video[^>]*src="data:video/mp4;base64,([^"]+)"', text)
    assert held is not None
    assert base64.b64decode(held[1]) == film.read_bytes()
    assert "&lt;b&gt;Quay&lt;/b&gt; &amp; co" in text
    assert "<b>Quay" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.usefixtures("plain")
def test_what_browsers_do_not_play_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, film: Path
) -> None:
    master = write_film(tmp_path / "master.mkv", np.concatenate(shots()), MASTER_ARGS)
    room = tmp_path / "room"
    room.mkdir()
    page_html(seen_page(master), room)
    copy = probe(room / "copy.mp4")
    assert (copy.codec, copy.pix_fmt, copy.frames) == ("h264", "yuv420p", 61)
    monkeypatch.setattr("holocine_core.edit.page.LARGEST_FILM", 100)
    (room / "copy.mp4").unlink()
    page_html(seen_page(film), room)
    assert (room / "copy.mp4").exists()


SEEKS = """
const film = page.querySelector("video"), bar = [...page.querySelectorAll(".bar button")];
if (film.readyState < 2) await new Promise(r => film.addEventListener("loadeddata", r));
const frames = [], marked = [];
for (const i of [2, 0, 1]) {
  const sought = new Promise(r => film.addEventListener("seeked", r, { once: true }));
  bar[i].click();
  await sought;
  frames.push(Math.floor(film.currentTime * 15));
  marked.push(bar.findIndex(one => one.getAttribute("aria-current") === "true"));
}
return { frames, marked, duration: film.duration };
"""
SHOWS = """
const root = page.documentElement;
return {
  width: view.innerWidth,
  overflow: root.scrollWidth - root.clientWidth,
  missing: [...page.images].filter(one => !one.naturalWidth).length,
  pictures: page.images.length,
  text: page.body.innerText,
  requests: view.performance.getEntriesByType("resource").map(one => one.name.slice(0, 5)),
};
"""


@pytest.fixture(scope="module")
def written(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("holocine_core.evaluate.cuts.detector_installed", lambda: False)
        page = seen_page(film)
    long = replace(page, screenplay="# " + "long " * 80)
    (folder / "page.html").write_text(page_html(long, folder), encoding="utf-8")
    return folder / "page.html"


@in_browser
def test_the_shot_bar_seeks_to_the_first_frame_of_a_shot(written: Path, tmp_path: Path) -> None:
    told = ask(written, SEEKS, tmp_path, 1200)
    assert told["frames"] == [37, 0, 13]
    assert told["marked"] == [2, 0, 1]
    assert told["duration"] == pytest.approx(61 / 15, abs=0.01)


@in_browser
@pytest.mark.parametrize("width", [1200, 375])
def test_nothing_is_missing_at_any_width(written: Path, tmp_path: Path, width: int) -> None:
    told = ask(written, SHOWS, tmp_path, width)
    assert told["width"] == width
    assert (told["overflow"], told["missing"], told["pictures"]) == (0, 0, 9)
    assert set(told["requests"]) <= {"data:"}
    for words in ("<b>Quay</b> & co", "Shot 2 <shows> & tells", "Cuts", "Likeness", "nano & co"):
        assert words in told["text"]
