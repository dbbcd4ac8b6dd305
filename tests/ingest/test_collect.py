"""Films become a folder of samples: the same one however often the work was stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Event, Warned
from holocine_core.ingest.answers import NAME as ANSWERS
from holocine_core.ingest.collect import SCRATCH, Collected, collect
from holocine_core.ingest.folder import ASIDE, RECORD
from holocine_core.ingest.request import IngestRequest
from holocine_core.ingest.samples import frames_shown
from holocine_core.script.reader import read
from holocine_core.train.data.samples import read_samples
from tests.ingest.conftest import MakeFilm

pytestmark = pytest.mark.usefixtures("quiet")
SIZE, FPS = (96, 64), 15
LENGTHS = (40, 50, 44, 36, 60, 40, 55, 48)


def _ingest(*films: Path, out: Path, **more: object) -> Collected:
    request = {"size": SIZE, "lengths": (3.0,), **more}
    return collect(IngestRequest(files=films, out=out, **request))  # type: ignore[arg-type]


def _tree(folder: Path) -> dict[str, bytes]:
    """What a person sees in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }  # fmt: skip


def _captioned(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("CAPTION:", "here is")
        path.write_text(text, encoding="utf-8")


def test_samples_are_what_training_reads(film: MakeFilm, tmp_path: Path) -> None:
    out = tmp_path / "data"
    made = _ingest(film(*LENGTHS), out=out)
    assert len(made.samples) >= 3
    assert made.unwritten == len(made.samples)
    with pytest.raises(InputError, match="still to be written") as refused:
        read_samples(out, size=SIZE, fps=FPS)
    assert refused.value.problems[0].where.startswith(f"{made.samples[0]}:")
    _captioned(out)
    samples = read_samples(out, size=SIZE, fps=FPS)
    assert len(samples) == len(made.samples)


def test_every_frame_is_its_shots_own(film: MakeFilm, tmp_path: Path) -> None:
    path = film(*LENGTHS)
    out = tmp_path / "data"
    (found,) = _ingest(path, out=out).films
    source = np.concatenate(list(read_frames(path))).astype(np.int16)
    edges = np.cumsum([0, *LENGTHS])
    for scene, sample in zip(found.scenes, sorted(out.glob("*.mp4")), strict=True):
        clip = np.concatenate(list(read_frames(sample))).astype(np.int16)
        at = 0
        for part in scene.parts:
            shown = frames_shown(part, found.footage, found.scan, FPS)
            owners = {int(np.searchsorted(edges, n, side="right")) for n in shown}
            assert len(owners) == 1
            for number in shown:
                middle = source[number].mean(axis=(0, 1))
                assert np.abs(clip[at].mean(axis=(0, 1)) - middle).max() < 6
                at += 1
        assert at == len(clip)


def test_stopped_anywhere_it_makes_the_same_folder(
    film: MakeFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from holocine_core.ingest import scan as scanning

    monkeypatch.setattr(scanning, "CHUNK", 100)
    path = film(*LENGTHS)
    whole = tmp_path / "whole"
    _ingest(path, out=whole)
    out = tmp_path / "stopped"

    def after(pieces: int) -> Callable[[], bool]:
        left = [pieces]

        def stop() -> bool:
            left[0] -= 1
            return left[0] < 0

        return stop

    request = IngestRequest(files=(path,), out=out, size=SIZE, lengths=(3.0,))
    stops = 0
    while stops < 400:
        try:
            collect(request, should_stop=after(stops % 7))
            break
        except Interrupted:
            stops += 1
    assert stops > 10
    assert _tree(out) == _tree(whole)


def test_an_edited_sample_stays(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    first, second, *_ = _ingest(path, out=out).samples
    text = first.read_text(encoding="utf-8").replace("CAPTION: the style", "A red wall")
    first.write_text(text, encoding="utf-8")
    before = _tree(out)
    _ingest(path, out=out)
    assert _tree(out) == before
    answer = {"samples": {second.stem: {"global": "A blue wall."}}}
    (tmp_path / "said.json").write_text(json.dumps(answer), encoding="utf-8")
    _ingest(path, out=out, answers=tmp_path / "said.json")
    assert first.read_text(encoding="utf-8") == text
    assert read(second).accepted().scenes[0].global_ == "A blue wall."
    # What was said once is said: a later edit by hand stays.
    text = second.read_text(encoding="utf-8").replace("A blue wall.", "A green wall.")
    second.write_text(text, encoding="utf-8")
    _ingest(path, out=out)
    assert second.read_text(encoding="utf-8") == text


def test_answers_cut_anew_and_set_edited_samples_aside(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    made = _ingest(path, out=out)
    _captioned(out)
    answer = {"films": {"film": {"cuts": {str(LENGTHS[0]): False}, "drop": [226 - 96]}}}
    (tmp_path / "said.json").write_text(json.dumps(answer), encoding="utf-8")
    again = _ingest(path, out=out, answers=tmp_path / "said.json")
    first = min(shot.stop for shot in again.films[0].shots)
    assert first == LENGTHS[0] + LENGTHS[1]
    assert json.loads((out / ANSWERS).read_text())["films"]["film"]["cuts"] == {"40": False}
    gone = set(made.samples) - set(again.samples)
    kept = {one.name for one in (out / ASIDE).iterdir()}
    changed = {one.name for one in made.samples} & kept
    assert {one.name for one in gone} <= kept
    assert changed


def test_what_was_set_aside_earlier_stays(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(*LENGTHS), tmp_path / "data"
    made = _ingest(path, out=out)
    _captioned(out)
    (out / ASIDE).mkdir()
    for sample in made.samples:
        (out / ASIDE / sample.name).write_text("earlier", encoding="utf-8")
    edited = {sample.stem: sample.read_bytes() for sample in made.samples}
    answer = {"films": {"film": {"cuts": {str(LENGTHS[0]): False}}}}
    (tmp_path / "said.json").write_text(json.dumps(answer), encoding="utf-8")
    _ingest(path, out=out, answers=tmp_path / "said.json")
    assert all((out / ASIDE / one.name).read_text() == "earlier" for one in made.samples)
    second = {name: out / ASIDE / f"{name}-2.yaml" for name in edited}
    kept = [name for name, one in second.items() if one.is_file()]
    assert kept
    assert all(second[name].read_bytes() == edited[name] for name in kept)


def test_two_films_of_one_name(film: MakeFilm, tmp_path: Path) -> None:
    one = film(*LENGTHS)
    (tmp_path / "other").mkdir()
    other = film(*reversed(LENGTHS), name="other/film.mp4")
    made = _ingest(one, other, one, out=tmp_path / "data")
    assert len({found.name for found in made.films}) == 2
    assert len(made.samples) == len(set(made.samples)) == len(list(tmp_path.glob("data/*.mp4")))


def test_a_film_that_can_not_be_read_is_told_and_skipped(film: MakeFilm, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 500)
    told: list[Event] = []
    request = IngestRequest(files=(broken, film(*LENGTHS)), out=tmp_path / "data", size=SIZE)
    made = collect(request, emit=told.append)
    assert [one.where for one in made.skipped] == [str(broken)]
    assert any(isinstance(one, Warned) and one.where == str(broken) for one in told)
    assert made.samples
    record = json.loads((tmp_path / "data" / RECORD).read_text())
    assert record["skipped"][0]["where"] == str(broken)
    with pytest.raises(InputError, match="can't be read"):
        collect(IngestRequest(files=(broken,), out=tmp_path / "other"))


def test_a_command_writes_captions(film: MakeFilm, tmp_path: Path) -> None:
    script = tmp_path / "tell.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "asked = json.load(sys.stdin)\n"
        "for shot in asked['shots']:\n"
        "    assert all(pathlib.Path(one).is_file() for one in shot['pictures'])\n"
        "names = asked['shots'][0]['characters']\n"
        "print(json.dumps({'global': 'Coloured walls.', 'characters': {names[0]: 'a square'},\n"
        "  'shots': ['{%s} moves.' % names[0] for _ in asked['shots']]}))\n",
        encoding="utf-8",
    )
    command = f"{sys.executable} {script}"
    made = _ingest(film(*LENGTHS), out=tmp_path / "data", caption_command=command)
    assert made.unwritten == 0
    told = read(made.samples[0]).accepted()
    assert told.scenes[0].global_ == "Coloured walls."
    assert list(told.characters.values()) == ["a square"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit('no model')", "exit code 1: no model"),
        ("print('words')", "no JSON"),
        ('print(\'{"global": "x", "shots": []}\')', "something else than"),
    ],
)
def test_a_command_that_fails(film: MakeFilm, tmp_path: Path, code: str, told: str) -> None:
    (tmp_path / "tell.py").write_text(code, encoding="utf-8")
    command = f"{sys.executable} {tmp_path / 'tell.py'}"
    with pytest.raises(MachineError, match=told):
        _ingest(film(*LENGTHS), out=tmp_path / "data", caption_command=command)


def test_only_one_process_works_in_a_folder(film: MakeFilm, tmp_path: Path) -> None:
    from holocine_core.store.leases import leased

    out = tmp_path / "data"
    (out / SCRATCH).mkdir(parents=True)
    with (
        leased(out / SCRATCH, "ingest"),
        pytest.raises(MachineError, match="being read into this folder"),
    ):
        _ingest(film(*LENGTHS), out=out)


def test_every_piece_of_a_long_take_is_a_sample(film: MakeFilm, tmp_path: Path) -> None:
    out = tmp_path / "data"
    made = _ingest(film(300), out=out)
    scenes = made.films[0].scenes
    assert len(scenes) > 2
    assert len(list(out.glob("*.mp4"))) == len(made.samples) == len(scenes)
    before = _tree(out)
    _captioned(out)
    _ingest(out.parent / "film.mp4", out=out)
    assert not (out / ASIDE).exists()
    assert _tree(out).keys() == before.keys()


def test_another_piece_of_a_take_has_no_captions_of_the_first(
    film: MakeFilm, tmp_path: Path
) -> None:
    """As a folder of an earlier version may hold them under one name."""
    out = tmp_path / "data"
    first, *_ = _ingest(film(300), out=out).samples
    _captioned(out)
    record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    record["samples"][first.stem]["key"] = "of another piece"
    (out / RECORD).write_text(json.dumps(record), encoding="utf-8")
    _ingest(tmp_path / "film.mp4", out=out)
    assert "CAPTION:" in first.read_text(encoding="utf-8")
    assert (out / ASIDE / first.name).is_file()


def test_lengths_that_round_alike_are_told_apart(film: MakeFilm, tmp_path: Path) -> None:
    made = _ingest(film(*LENGTHS), out=tmp_path / "data", lengths=(2.6, 3.0, 3.4))
    assert len(made.samples) == len(made.films[0].scenes)


def test_films_of_one_name_in_calls_of_their_own(film: MakeFilm, tmp_path: Path) -> None:
    out = tmp_path / "data"
    first = _ingest(film(*LENGTHS), out=out)
    _captioned(out)
    before = _tree(out)
    (tmp_path / "other").mkdir()
    other = film(*reversed(LENGTHS), name="other/film.mp4")
    second = _ingest(other, out=out)
    kept = _tree(out)
    assert all(kept[name] == data for name, data in before.items() if name != RECORD)
    assert {one.name for one in second.films}.isdisjoint(one.name for one in first.films)
    # Whatever is named beside it, and however often, a film keeps its name.
    third = _ingest(tmp_path / "film.mp4", other, other, out=out)
    assert [one.name for one in third.films] == [first.films[0].name, second.films[0].name]
    assert set(third.samples) == {*first.samples, *second.samples}


def test_names_of_any_script(film: MakeFilm, tmp_path: Path) -> None:
    summer, winter = film(*LENGTHS, name="夏.mp4"), film(*reversed(LENGTHS), name="冬.mp4")
    made = _ingest(summer, winter, out=tmp_path / "data")
    assert [one.name for one in made.films] == ["夏", "冬"]
    assert read(made.samples[0]).accepted()
