"""What a person says, writes and removes: it is kept, and changes what it is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.events import Event, Warned
from holocine_core.ingest.answers import NAME as ANSWERS
from holocine_core.ingest.collect import collect
from holocine_core.ingest.folder import ASIDE
from holocine_core.ingest.request import IngestRequest
from holocine_core.script.reader import read
from holocine_core.train.data.samples import read_samples
from tests.ingest.conftest import MakeFilm
from tests.ingest.test_collect import FPS, LENGTHS, SIZE, _captioned, _ingest

pytestmark = pytest.mark.usefixtures("quiet")


def _say(path: Path, **said: object) -> Path:
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"shots": {"1": "{bob} waves."}}, "makes no screenplay"),
        ({"global": "[global caption] A room."}, "makes no screenplay"),
    ],
)
def test_words_that_make_no_screenplay_are_told_and_break_nothing(
    film: MakeFilm, tmp_path: Path, said: dict[str, object], told: str
) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, *_ = _ingest(path, out=out).samples
    before = first.read_bytes()
    answers = _say(tmp_path / "said.json", samples={first.stem: said})
    for _ in range(2):
        events: list[Event] = []
        request = IngestRequest(
            files=(path,), out=out, size=SIZE, lengths=(3.0,), answers=answers, review=True
        )
        assert collect(request, emit=events.append).page is not None
        warned = [one for one in events if isinstance(one, Warned)]
        assert [told in one.message and first.stem in one.message for one in warned] == [True]
        assert first.read_bytes() == before
    answers = _say(tmp_path / "said.json", samples={first.stem: {"shots": {"1": "A wall."}}})
    _ingest(path, out=out, answers=answers)
    if "shots" in said:
        shots = read(first).accepted().scenes[0].shots or ()
        assert shots[0].prompt == "A wall."


def test_a_text_without_the_person_leaves_nobody_behind(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, *_ = _ingest(path, out=out).samples
    count = len(read(first).accepted().scenes[0].shots or ())
    texts = {str(number): "Boats leave." for number in range(1, count + 1)}
    answers = _say(tmp_path / "said.json", samples={first.stem: {"shots": texts}})
    _ingest(path, out=out, answers=answers)
    assert read(first).accepted().characters == {}


def test_answers_change_what_they_are_about_and_no_more(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, *_ = _ingest(path, out=out).samples
    said = {
        first.stem: {"global": "A wall.", "names": {"person1": "person2", "person2": "person1"}}
    }
    _ingest(path, out=out, answers=_say(tmp_path / "said.json", samples=said))
    swapped = read(first).accepted()
    _ingest(path, out=out)
    assert read(first).accepted() == swapped, "a change of names is made once"
    by_hand = first.read_text(encoding="utf-8").replace("A wall.", "A white wall.  # mine")
    first.write_text(by_hand, encoding="utf-8")
    said = {first.stem: {"shots": {"1": "A door."}}}
    _ingest(path, out=out, answers=_say(tmp_path / "said.json", samples=said))
    scene = read(first).accepted().scenes[0]
    assert (scene.global_, (scene.shots or ())[0].prompt) == ("A white wall.", "A door.")
    assert (out / ASIDE / first.name).read_text(encoding="utf-8") == by_hand


def test_texts_stay_with_their_shots_when_cuts_change(
    film: MakeFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from holocine_core.ingest import scenes

    monkeypatch.setattr(scenes, "_unlike", lambda one, other: 0.0)
    path, out = film(*LENGTHS), tmp_path / "data"
    made = _ingest(path, out=out, lengths=(9.0,))
    sample = max(made.samples, key=lambda one: len(read(one).accepted().scenes[0].shots or ()))
    (scene,) = (s for s in made.films[0].scenes if f"{s.parts[0].first:07d}" in sample.stem)
    starts = [part.first for part in scene.parts]
    assert len(starts) > 3
    texts = {str(number): f"Shot at {frame}." for number, frame in enumerate(starts, 1)}
    answers = _say(
        tmp_path / "said.json",
        films={"film": {"cuts": {str(starts[1]): False}}},
        samples={sample.stem: {"shots": texts}},
    )
    events: list[Event] = []
    request = IngestRequest(files=(path,), out=out, size=SIZE, lengths=(9.0,), answers=answers)
    again = collect(request, emit=events.append)
    (scene,) = (s for s in again.films[0].scenes if f"{s.parts[0].first:07d}" in sample.stem)
    left = [part.first for part in scene.parts]
    assert starts[1] not in left
    told = [shot.prompt for shot in read(sample).accepted().scenes[0].shots or ()]
    expected = [f"Shot at {frame}." for frame in left if frame in starts]
    assert told[: len(expected)] == expected
    assert any(
        isinstance(e, Warned) and "said of shot 2 is for nothing" in e.message for e in events
    )


def test_what_was_captioned_goes_aside_with_its_clip(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    made = _ingest(path, out=out, lengths=(2.0,))
    _captioned(out)
    texts = {one.name: one.read_bytes() for one in made.samples}
    events: list[Event] = []
    request = IngestRequest(files=(path,), out=out, size=SIZE, lengths=(4.0,))
    again = collect(request, emit=events.append)
    assert not {one.name for one in again.samples} & texts.keys()
    for name, data in texts.items():
        assert (out / ASIDE / name).read_bytes() == data
        assert (out / ASIDE / name).with_suffix(".mp4").is_file()
    (told,) = (one for one in events if isinstance(one, Warned) and "set aside" in one.message)
    assert told.message.startswith(f"{len(texts)} samples")


def test_another_size_keeps_the_captions(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    made = _ingest(path, out=out)
    _captioned(out)
    again = _ingest(path, out=out, size=(64, 64))
    assert again.samples == made.samples
    assert again.unwritten == 0
    assert len(read_samples(out, size=(64, 64), fps=FPS)) == len(made.samples)


def test_a_sample_that_was_removed_blocks_nothing(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, second, *_ = _ingest(path, out=out).samples
    first.unlink()
    first.with_suffix(".mp4").unlink()
    second.write_text("shots: [A wall.]\nframse: 9\n", encoding="utf-8")
    other = film(*reversed(LENGTHS), name="other.mp4")
    events: list[Event] = []
    for files in ((other,), (path, other)):
        request = IngestRequest(files=files, out=out, size=SIZE, lengths=(3.0,), review=True)
        made = collect(request, emit=events.append)
        assert made.page is not None
    assert first in made.samples
    assert any(
        isinstance(e, Warned) and f"{second.stem} is no screenplay" in e.message for e in events
    )
    assert "framse" in second.read_text(encoding="utf-8")


def test_answers_that_fit_nothing_are_told(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, *_ = _ingest(path, out=out).samples
    answers = _say(
        tmp_path / "said.json",
        films={"film": {"cuts": {"99999": True}, "keep": [7]}, "flim": {"drop": [0]}},
        samples={first.stem: {"shots": {"99": "A wall."}}},
    )
    events: list[Event] = []
    request = IngestRequest(files=(path,), out=out, size=SIZE, lengths=(3.0,), answers=answers)
    collect(request, emit=events.append)
    told = " | ".join(one.message for one in events if isinstance(one, Warned))
    for words in (
        "frame 99999 is none",
        "no shot begins at frame 7",
        "flim",
        "shot 99 is for nothing",
    ):
        assert words in told
    (out / ANSWERS).write_text('{"films": {"film": {"cuts": {"x": true}}}}', encoding="utf-8")
    with pytest.raises(InputError, match="'x' is no frame"):
        _ingest(path, out=out)
