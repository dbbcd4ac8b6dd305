"""A shot has one name: every view calls it so, and the name makes that shot anew and no other."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from holocine_cli.app import main
from holocine_core import api
from holocine_core.api import Request
from holocine_core.edit.storyboard import StoryboardRow, storyboard
from holocine_core.errors import InputError
from holocine_core.evaluate import cuts
from holocine_core.evaluate.screening import screen
from holocine_core.film import boards
from holocine_core.film.cut_list import cut_list
from holocine_core.film.finish import shots_seen, stitch_job
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import Inspection
from holocine_core.film.reopen import open_film, shot_place
from holocine_core.script.edits import Reshoot
from holocine_core.store.vault import Vault
from tests.cli.conftest import Holocine, write_scene
from tests.render.test_shot_loras import strong

pytestmark = pytest.mark.slow

PROFILES = "profiles: {standard: {size: 32x32, steps: 2, guidance: 1}}\n"
FILM = f"""
title: Harbour
{PROFILES}
cards: {{opening: {{text: Harbour, seconds: 0.4}}, closing: {{text: The End, seconds: 0.4}}}}
scenes:
- id: quay
  frames: 13
  cuts: [5]
  transition: {{kind: crossfade, seconds: 0.2}}
  shots: [A lamp is lit., The lamp goes out.]
- id: storm
  frames: 13
  cuts: [5, 9]
  shots:
  - Rain falls.
  - {{prompt: A boat sinks., lora: [style.safetensors]}}
  - Nobody is there.
"""
TEXTS = {
    "quay:1": "A lamp is lit.",
    "quay:2": "The lamp goes out.",
    "storm:1": "Rain falls.",
    "storm:2": "A boat sinks.",
    "storm:3": "Nobody is there.",
}
TIMES = ["00:00:00.400", "00:00:00.733", "00:00:01.067", "00:00:01.400", "00:00:01.667"]
SEEN = {"opening card": "Harbour", **TEXTS, "closing card": "The End"}


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with harbour.yaml and its film; not to be changed."""
    folder = tmp_path_factory.mktemp("harbour")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        Path("harbour.yaml").write_text(FILM)
        strong(Path("style.safetensors"))
        assert main(["render", "harbour.yaml", "-qq"]) == 0
    return folder


@pytest.fixture
def film(holocine: Holocine, harbour: Path) -> Iterator[Path]:
    """The film, seen from its folder."""
    with contextlib.chdir(harbour):
        yield Path("harbour.mp4")


@pytest.fixture
def own(holocine: Holocine, harbour: Path, tmp_path: Path) -> Path:
    """A film of its own in the current folder."""
    shutil.copytree(harbour, tmp_path, dirs_exist_ok=True)
    return Path("harbour.mp4")


def test_a_plan_names_its_shots(holocine: Holocine, film: Path) -> None:
    page = holocine("plan", "harbour.yaml").stdout
    assert "cuts to shot quay:2 at frame 5" in page
    assert "cuts to shot storm:2 at frame 5, storm:3 at frame 9" in page
    assert re.search(r"lora +style.safetensors x 1, .*: shot storm:2\n", page)
    takes = holocine("plan", "harbour.yaml", "--json").json["takes"]
    assert takes[1]["lora"][0]["names"] == ["storm:2"]
    assert told(shot for take in takes for shot in take["shots"]) == TEXTS
    Path("changed.yaml").write_text(FILM.replace("A boat sinks.", "A boat rises."))
    again = holocine("plan", "changed.yaml", "--work", ".holocine/harbour")
    assert "shot storm:2's text changed" in again.stdout


def told(shots: Any) -> dict[str, str]:
    """Names and texts of shots, as records tell them."""
    return {shot["name"]: shot["prompt"] for shot in shots}


def test_inspect_names_its_shots(holocine: Holocine, film: Path) -> None:
    page = holocine("inspect", film).stdout
    rows = re.findall(r"^ +(\S+)  \d\d:\d\d:\S+ - \S+  (.+)$", page, re.M)
    assert dict(rows) == TEXTS
    assert re.search(r"lora style.safetensors x 1, .*: shot storm:2\n", f"{page}\n")
    found = holocine("inspect", film, "--json").json
    assert told(found["shots"]) == TEXTS
    at = {shot["name"]: (shot["in"], shot["out"]) for shot in found["shots"]}
    assert all(f"{name}  {' - '.join(times)}  " in page for name, times in at.items())
    # The film's times, not each scene's: behind a card, with a crossfade of 3 frames.
    assert [times[0] for times in at.values()] == TIMES
    titles = [chapter["title"] for chapter in found["chapters"]]
    assert titles == ["Harbour", *(": ".join(one) for one in TEXTS.items()), "The End"]


def test_the_page_names_its_shots_and_does_not_count_cards(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "find_cuts", lambda scenes: [() for _ in scenes])
    answer = holocine("report", film, "-o", "page.html", "--json", "--force")
    page = Path("page.html").read_text()
    assert "5 shots and 2 cards / " in page
    assert "LoRA of shot storm:2<" in page
    bar = re.search(r'<nav class="bar".*?</nav>', page, re.S)
    assert bar is not None
    names = re.findall(r'title="(.+?): (.+?)"[^>]*>(.+?)</button>', bar[0])
    assert {shown: text for name, text, shown in names if shown == name} == SEEN
    board = re.findall(r'"number"[^>]*>(.+?)</button>.*?<p>(.+?)</p></section>', page, re.S)
    assert dict(board) == SEEN
    matrix = page.rpartition('<table class="matrix">')[2].partition("</table>")[0]
    heads = re.findall(r"<th>(.+?)</th>", matrix)
    assert heads == ["colour", *SEEN, *SEEN]
    assert re.findall(r"<tr><td>([a-z0-9: ]+)</td><td>\d+</td>", page) == list(SEEN)[1:]
    assert [cut["shot"] for cut in answer.json["cuts"]] == list(SEEN)[1:]


def test_storyboards_name_their_shots(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[StoryboardRow] = []
    real = storyboard

    def draw(rows: list[StoryboardRow], *rest: Any) -> None:
        drawn.extend(rows)
        real(rows, *rest)

    monkeypatch.setattr(boards, "storyboard", draw)
    assert holocine("render", "harbour.yaml", "--storyboard").exit_code == 0
    assert {row.name: row.prompt for row in drawn} == TEXTS


def by_edl(text: str) -> list[tuple[str, str]]:
    return re.findall(r"\* SHOT: (.*)\n\* PROMPT: (.*)", text)


def by_fcpxml(text: str) -> list[tuple[str, str]]:
    clips = ElementTree.fromstring(text).iter("asset-clip")
    return [(clip.get("name", ""), (clip.findtext("note") or "").split("\n")[0]) for clip in clips]


def by_xml(text: str) -> list[tuple[str, str]]:
    items = ElementTree.fromstring(text).findall("./sequence/media/video/track/clipitem")
    return [(item.findtext("name", ""), item.findtext("marker/name", "")) for item in items]


def by_otio(text: str) -> list[tuple[str, str]]:
    (track,) = json.loads(text)["tracks"]["children"]
    return [(clip["name"], clip["metadata"]["holocine"]["prompt"]) for clip in track["children"]]


@pytest.mark.parametrize(
    ("to", "read"), [("edl", by_edl), ("fcpxml", by_fcpxml), ("xml", by_xml), ("otio", by_otio)]
)
def test_editors_get_the_names(
    holocine: Holocine,
    film: Path,
    tmp_path: Path,
    to: str,
    read: Callable[[str], list[tuple[str, str]]],
) -> None:
    answer = holocine("export", film, "--to", to, "-o", tmp_path / "cut", "--json")
    assert dict(read((tmp_path / "cut").read_text())) == SEEN
    assert told(answer.json["shots"]) == SEEN
    assert "5 shots and 2 cards" in answer.stderr


def test_subtitles_have_the_names_and_no_cards(
    holocine: Holocine, film: Path, tmp_path: Path
) -> None:
    assert holocine("export", film, "--to", "vtt", "-o", tmp_path / "cut").exit_code == 0
    cues = (tmp_path / "cut").read_text().strip().split("\n\n")[1:]
    assert [(cue.split("\n")[0], cue.split("\n")[2]) for cue in cues] == list(TEXTS.items())


def test_an_evaluation_names_its_shots(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "require_detector", lambda: None)
    found = lambda scenes: [() for _ in scenes]  # noqa: E731
    monkeypatch.setattr("holocine_core.evaluate.observe.measure_observed.__defaults__", (found,))
    scenes = holocine("evaluate", film, "--json").json["scenes"]
    assert [name for scene in scenes for name in scene["shots"]] == list(TEXTS)


def test_a_film_of_before_is_evaluated_by_its_chapters(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(path: Path) -> Inspection:
        now = api.inspect(path)
        once = [
            replace(one, title=re.sub(r"^(quay|storm):", r"\1 ", one.title)) for one in now.chapters
        ]
        assert once[1].title == "quay 1: A lamp is lit."
        return replace(now, chapters=tuple(once))

    monkeypatch.setattr("holocine_core.evaluate.screening.inspect", before)
    assert [name for scene in screen(film) for name in scene.names] == list(TEXTS)


def test_every_name_is_the_shot_that_is_made_anew(film: Path) -> None:
    _, plan = open_film(film)
    for name, text in TEXTS.items():
        edit = api.plan_reshoot(film, name)
        assert isinstance(edit, api.Edit)
        assert isinstance(edit.change, Reshoot)
        scene, _, number = name.partition(":")
        assert (edit.change.scene, edit.change.shot) == (scene, int(number))
        take, at = shot_place(plan, name)
        assert take.prompt.shots[at - 1] == text
        assert edit.told == f"shot {name} anew, seed 1"
        assert edit.record()["name"] == name


def test_a_shot_is_made_anew_by_its_name(holocine: Holocine, own: Path) -> None:
    planned = holocine("plan", "harbour.yaml", "--json").json["takes"][1]["shots"][1]
    answer = holocine("reshoot", own, "--shot", "storm:2", "--prompt", "Dark.", "--json")
    assert answer.json["changed_frames"] == [planned["frames"]]
    assert answer.json["edit"]["name"] == "storm:2"
    assert 'shot storm:2 anew: "Dark.", seed 1' in answer.stderr
    found = holocine("inspect", own, "--json").json
    assert told(found["shots"]) == {**TEXTS, "storm:2": "Dark."}
    assert 'shot storm:2 anew: "Dark."' in holocine("inspect", own).stdout
    listed = holocine("versions", own, "--json").json["versions"]
    assert listed[1]["edits"][0]["name"] == "storm:2"
    assert 'shot storm:2 anew: "Dark."' in holocine("versions", own).stdout


def test_a_number_that_could_be_several_shots_is_refused(holocine: Holocine, film: Path) -> None:
    # As the page once counted, 5 was storm:2: it counted the opening card.
    answer = holocine("reshoot", film, "--shot", "5", "-o", "other.mp4")
    assert answer.exit_code == 2
    assert '--shot 5 could be storm:2 "A boat sinks." or storm:3 "Nobody is' in answer.stderr
    assert "--shot storm:2" in answer.stderr
    assert not Path("other.mp4").exists()
    with pytest.raises(InputError, match="could be quay:1 "):
        api.plan_reshoot(film, 1)
    edit = api.plan_reshoot(film, 6)  # With the card it is the last one; without it there is none.
    assert isinstance(edit, api.Edit)
    assert edit.record()["name"] == "storm:3"


@pytest.mark.usefixtures("holocine")
def test_a_swallowed_shot_keeps_its_name_and_is_counted_by_nobody_else() -> None:
    ids = ["1", "2", "Scene_3"]
    scenes = "\n".join(
        f"- {{id: '{one}', frames: 13, cuts: [5, 9], shots: [a, b, c],"
        " transition: {kind: crossfade, seconds: 0.4}}"
        for one in ids
    )
    path = write_scene("odd.yaml", f"{PROFILES}scenes:\n{scenes}")
    plan = plan_film(path, Request())
    seen = [
        plan.shot_name(take, shot)
        for take, shot, _ in shots_seen(plan, stitch_job(plan, Vault(plan.work)))
    ]
    assert "1:3" not in seen, "the crossfade shows nothing of it by itself"
    for take in plan.takes:
        for shot in range(3):
            assert shot_place(plan, plan.shot_name(take, shot)) == (take, shot + 1)
    # 9 in all; who counts those that are seen means another one by 7 than who counts all.
    with pytest.raises(InputError, match=r"--shot 7 could be Scene_3:1 .* or Scene_3:3"):
        shot_place(plan, "7")


def test_one_scene_needs_its_numbers_alone(holocine: Holocine, made: Path) -> None:
    with contextlib.chdir(made):
        assert "cuts to shot 2 at frame 6->5" in holocine("plan", "room.yaml").stdout
        names = [shot.name for shot in cut_list(api.inspect("room.mp4")).shots]
        assert names == ["1", "2"]
        for said in ("2", "scene-1:2"):
            edit = api.plan_reshoot("room.mp4", said)
            assert isinstance(edit, api.Edit)
            assert edit.told == "shot 2 anew, seed 1"
