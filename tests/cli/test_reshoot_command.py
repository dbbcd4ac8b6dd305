"""reshoot with another size, movement and length: what it takes, says and writes down."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.errors import MachineError
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow
CHANGED = ("--shot", "1", "--shot-size", "close-up", "--movement", "push in", "--seconds", "0.66s")


def test_a_shot_gets_another_size_movement_and_length(holocine: Holocine, film: Path) -> None:
    first = film.read_bytes()
    answer = holocine("reshoot", film, *CHANGED)
    assert (answer.exit_code, answer.stdout) == (0, "room.mp4\n")
    words = "shot 1 anew, close-up, push in, 0.66 s, seed 1"
    assert words in answer.stderr
    assert "the shot has 9 frames, 0.60 s (9.9 asked for); it had 5" in answer.stderr
    assert "frames 0-8 changed and no others; what follows begins 4 frames later" in answer.stderr
    assert words in holocine("versions", film).stdout
    inspected = holocine("inspect", film)
    assert words in inspected.stdout
    chapters = holocine("inspect", film, "--json").json["chapters"]
    assert [chapter["frames"] for chapter in chapters] == [[0, 9], [9, 17]]
    answer = holocine("reshoot", film, "--shot", "2", "--size", "none", "--frames", "4", "--json")
    assert answer.json["edit"] == {
        "kind": "reshoot", "scene": "scene-1", "shot": 2, "size": "none", "frames": 4, "seed": 2,
        "name": "2",
    }  # fmt: skip
    assert answer.json["shot_frames"] == {"before": 8, "asked": 4, "got": 4}
    assert answer.json["frames"] == 13
    assert answer.json["changed_frames"] == [[9, 13]]
    assert "frames 9-12 changed and no others; the film is 4 frames shorter" in answer.stderr
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert film.read_bytes() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "832x480"), "not 832x480 pixels"),
        (("--shot-size", "closeup"), "did you mean 'close-up'?"),
        (("--size", "wide", "--shot-size", "wide"), "--size is --shot-size here"),
        (("--movement", "fly"), "a shot's movement can't be 'fly'"),
        (("--seconds", "2x"), "it must be a number of seconds, such as 2.5 or 2.5s"),
        (("--seconds", "1", "--frames", "15"), "--seconds and --frames do not go together"),
        (("--seconds", "soon"), "seconds can't be soon"),
        (("--seconds", "nan"), "seconds can't be nan"),
        (("--frames", "1"), "shot 2 can't last 1 frame"),
    ],
)
def test_what_can_not_be_is_refused(
    holocine: Holocine, film: Path, words: tuple[str, ...], said: str
) -> None:
    answer = holocine("reshoot", film, "--shot", "2", *words)
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_a_call_cut_short_at_its_end_does_not_change_a_length_twice(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*args: object) -> None:
        raise MachineError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr("holocine_core.film.editing.changed_frames", cut_short)
        assert holocine("reshoot", film, *CHANGED).exit_code == 3
    answer = holocine("reshoot", film, *CHANGED)
    assert "made already; this is version 2" in answer.stderr
    chapters = holocine("inspect", film, "--json").json["chapters"]
    assert [chapter["frames"] for chapter in chapters] == [[0, 9], [9, 17]]


def test_python_says_it_as_the_screenplay_does(film: Path) -> None:
    edit = api.plan_reshoot(film, 2, prompt="Rain.", size="close-up", movement="static", frames=12)
    assert isinstance(edit, api.Edit)
    assert edit.told == 'shot 2 anew: "Rain.", close-up, static, 12 frames, seed 1'
    assert edit.plan.takes[0].timeline.cuts == (5,)
    assert edit.plan.takes[0].timeline.frames == 17
    other = api.plan_reshoot(film, 2, prompt="Rain.", size="wide")
    assert isinstance(other, api.Edit)
    assert edit.call != other.call
    assert other.length is None
    with pytest.raises(TypeError, match="no zoom"):
        api.plan_reshoot(film, 2, zoom=3)  # type: ignore[call-arg]


def test_the_screenplay_with_its_edits_is_that_of_a_fresh_film(
    holocine: Holocine, film: Path
) -> None:
    source = Path("room.yaml").read_text()
    for words in (CHANGED, ("--shot", "2", "--prompt", "Dark.", "--frames", "12")):
        assert holocine("reshoot", film, *words).exit_code == 0
    answer = holocine("inspect", film, "--extract", "-")
    assert answer.stdout == source
    assert "edits are not in it; --edited writes them" in answer.stderr
    answer = holocine("inspect", film, "--extract", "fresh.yaml", "--edited")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "fresh.yaml\n", "")
    (fresh,) = api.plan("fresh.yaml").takes
    (made,) = api.plan_reshoot(film, 2).before.takes  # type: ignore[union-attr]
    assert fresh.timeline == made.timeline
    assert fresh.prompt == made.prompt
    assert fresh.prompt.captions == ("Close-up, the camera pushes in. A lamp is lit.", "Dark.")
    assert holocine("inspect", film, "--edited").exit_code == 2
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert holocine("inspect", film, "--extract", "-", "--edited").stdout == source


def test_a_default_that_the_screenplay_says_stays_in_it(holocine: Holocine) -> None:
    """Where it said nothing, a project's file would."""
    write_scene("room.yaml", model="nano", profile="standard")
    assert holocine("render", "room.yaml", "-qq").exit_code == 0
    assert holocine("reshoot", "room.mp4", "--shot", "2", "-qq").exit_code == 0
    fresh = holocine("inspect", "room.mp4", "--extract", "-", "--edited").stdout
    assert fresh.startswith("model: nano\nprofile: standard\n")
