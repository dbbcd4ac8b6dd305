from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.errors import InputError
from holocine_core.evaluate.features import Eyes
from holocine_core.evaluate.observe import measure_observed, observe
from holocine_core.evaluate.screening import Screened, named, screen
from holocine_core.production import render_film
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

FILM = """
size: 48x32
profiles: {standard: {steps: 1, guidance: 1}}
characters: {ann: a tall person, bo: a small person}
scenes:
  - {id: one, global: A room., frames: 21, cuts: [9], shots: ["{ann} waits.", "{bo} comes."],
     transition: {kind: crossfade, seconds: 0.2}}
  - {id: two, global: A street., frames: 17, shots: ["{bo} and {ann} walk."],
     transition: {kind: fade, seconds: 0.4}}
  - {id: three, global: A field., frames: 17, cuts: [5], shots: [Grass., "{ann} runs."]}
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    (folder / "film.yaml").write_text(FILM)
    return render_film(folder / "film.yaml", folder / "film.mp4").path


def test_a_film_comes_apart_into_its_scenes_without_what_is_blended(film: Path) -> None:
    one, two, three = screen(film)
    assert [each.name for each in (one, two, three)] == ["film/one", "film/two", "film/three"]
    # 3 frames overlap between one and two; 3 + 3 frames dim between two and three.
    assert (len(one.frames), one.cuts) == (18, (9,))
    assert (len(two.frames), two.cuts) == (17 - 3 - 3, ())
    assert (len(three.frames), three.cuts) == (14, (2,))
    assert one.casts == (frozenset("1"), frozenset("2"))
    assert two.casts == (frozenset("12"),)
    assert three.casts == (frozenset(), frozenset("1"))
    assert [each.first for each in (one, two, three)] == [0, 3, 3], "frames of their takes"


def test_the_frames_are_the_films(film: Path) -> None:
    whole = np.concatenate(list(read_frames(film)))
    assert probe(film).frames == len(whole) == 21 + 17 + 17 - 3
    one, two, three = screen(film)
    assert (one.frames == whole[:18]).all()
    assert (two.frames == whole[21:32]).all()
    assert (three.frames == whole[-14:]).all()


def test_another_frame_rate_keeps_cuts_where_they_are_seen(film: Path, tmp_path: Path) -> None:
    (tmp_path / "fast.yaml").write_text(FILM + "deliver: {fps: 30}\n")
    fast = render_film(tmp_path / "fast.yaml", tmp_path / "fast.mp4").path
    one, two, three = screen(fast)
    assert (one.cuts, two.cuts, three.cuts) == ((18,), (), (4,))
    assert len(one.frames) == 36
    assert {each.first for each in (one, two, three)} == {None}
    assert "pulse" not in observe(one, Eyes({})).values


def test_a_film_from_elsewhere_is_refused(tmp_path: Path, film: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list(screen(tmp_path / "none.mp4"))


def test_characters_are_read_out_of_prompts() -> None:
    assert named("[character1] and [character12].") == frozenset({"1", "12"})
    assert named("B.") == frozenset()


def test_observed_scenes_become_measures() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 255, (2, 1, 36, 64, 3)).astype(np.uint8)
    frames = np.concatenate([a.repeat(12, 0), b.repeat(12, 0)])
    scene = Screened(
        name="s",
        names=("1", "2"),
        frames=frames,
        shots=(FrameSpan(0, 12), FrameSpan(12, 24)),
        casts=(frozenset("1"), frozenset("1")),
        setting="",
        prompts=("A.", "B."),
    )
    halves = {"halves": lambda shot: np.tile(np.array([[0.6, 0.8]], np.float32), (len(shot), 1))}
    observed = observe(scene, Eyes(halves))
    measures, found = measure_observed([observed, observed], lambda scenes: [(12,), (13, 20)])
    assert found == [(12,), (13, 20)]
    assert measures["cut-accuracy"].value == 1
    assert measures["cut-error"].value == 0.5
    assert measures["extra-cuts"].value == 0.5
    assert 0 < measures["sca"].value < 1
    assert measures["intra-shot-halves"].value == pytest.approx(1)
    assert measures["inter-shot-halves"].n == 2
    assert measures["motion"].value == 0
