"""Scripts become screenplays: nothing they say is lost, and what is guessed is marked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from screenplay_tools.fdx.writer import Writer as FdxWriter
from screenplay_tools.fountain.writer import Writer as FountainWriter
from screenplay_tools.screenplay import (
    Action,
    Character,
    Dialogue,
    Parenthetical,
    SceneHeading,
    Script,
    Transition,
)

from holocine_core.adapt.draft import Draft, DraftScene, DraftShot, parted, to_yaml
from holocine_core.adapt.read import read_script
from holocine_core.errors import InputError
from holocine_core.script.prompt import compose
from holocine_core.script.reader import read_text
from holocine_core.script.yaml_source import parse_source, yaml_of
from tests.adapt.imports import imported, of_file, prompts, screenplay

FOUNTAIN = """\
Title: The Last Ferry
Author: Somebody

EXT. HARBOUR QUAY - DUSK #1#

Rain. [[slow]] A {lighthouse} stands over the water.

MARA (60s), an old woman with grey braids, walks. Ivo's boat is gone.

MARA
(softly)
Where is *Ivo*?

IVO (V.O.)
Gone.

> DISSOLVE TO:

INT./EXT. FERRY - NIGHT

Two men pass by Grace, full of grace.

GRACE
Good night.

/* cut this */

> THE END <

FADE OUT.
"""


def test_a_script_becomes_scenes_and_shots(tmp_path: Path) -> None:
    film = screenplay(imported(tmp_path, FOUNTAIN))
    assert film.title == "The Last Ferry"
    assert film.scene_ids() == ("harbour-quay-dusk", "ferry-night")
    quay, ferry = film.scenes
    assert quay.global_ == "Outside: harbour quay, dusk."
    assert ferry.global_ == "Inside and outside: ferry, night."
    assert [shot.prompt for shot in quay.shots or ()] == [
        "Rain. A {{lighthouse}} stands over the water.",
        "{mara} (60s), an old woman with grey braids, walks. {ivo}'s boat is gone.",
        '{mara}, softly, says: "Where is {ivo}?"',
    ]
    assert [shot.prompt for shot in ferry.shots or ()] == [
        "Two men pass by {grace}, full of grace.",
        '{grace} says: "Good night."',
    ]
    # The last scene has none to pass into.
    assert (quay.transition.kind, ferry.transition.kind) == ("crossfade", "cut")
    assert film.characters["mara"] == "an old woman with grey braids, 60s"


@pytest.mark.parametrize(
    "kept",
    [
        "# author: Somebody",
        "# note: slow",
        "# LOOK: heard, not seen: IVO (V.O.): Gone.",
        "# crossed out: cut this",
        "# LOOK: a title card in the script: THE END",
        "# the script ends: FADE OUT.",
        "# LOOK: how does this character look?",
    ],
)
def test_what_cannot_be_filmed_is_kept_as_a_remark(tmp_path: Path, kept: str) -> None:
    assert kept in to_yaml(imported(tmp_path, FOUNTAIN), "nano")


def test_every_open_place_is_counted(tmp_path: Path) -> None:
    draft = imported(tmp_path, FOUNTAIN)
    head, body = to_yaml(draft, "nano").split("title:")
    assert "begin with LOOK:" in head
    assert draft.open_places == body.count("# LOOK:") == 4


def a_script() -> Script:
    script = Script()
    for element in (
        SceneHeading("INT. KITCHEN - DAY"),
        Action("Ann cooks. & Bob <waits>."),
        Character("ANN"),
        Parenthetical("to Bob"),
        Dialogue("It is ready."),
        Transition("FADE OUT."),
        SceneHeading("EXT. GARDEN - NIGHT"),
        Action("Nobody."),
        Character("BOB"),
        Dialogue("Good."),
    ):
        script.add_element(element)
    return script


def test_both_formats_of_one_script_give_one_screenplay(tmp_path: Path) -> None:
    fountain = screenplay(imported(tmp_path, FountainWriter().write(a_script()), "a.fountain"))
    final_draft = screenplay(imported(tmp_path, FdxWriter().write(a_script()), "a.fdx"))
    assert fountain == final_draft
    assert [len(scene.shots or ()) for scene in fountain.scenes] == [2, 2]
    assert fountain.scenes[0].transition.kind == "fade"


def test_no_run_of_a_final_draft_paragraph_is_lost(tmp_path: Path) -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?>
    <FinalDraft DocumentType="Script"><Content>
    <Paragraph Type="Scene Heading"><Text>INT. KITCHEN</Text></Paragraph>
    <Paragraph Type="Action"><Text>Ann </Text><Text Style="Bold">burns</Text><Text> it.</Text>
    </Paragraph>
    <Paragraph><DualDialogue>
    <Paragraph Type="Character"><Text>ANN</Text></Paragraph>
    <Paragraph Type="Dialogue"><Text>Help!</Text></Paragraph>
    </DualDialogue></Paragraph>
    </Content></FinalDraft>"""
    (scene,) = screenplay(imported(tmp_path, text, "a.fdx")).scenes
    assert [shot.prompt for shot in scene.shots or ()] == ["{ann} burns it.", '{ann} says: "Help!"']


def test_long_scenes_go_on_in_another(tmp_path: Path) -> None:
    draft = imported(tmp_path, FOUNTAIN, longest=7)
    assert [scene.id for scene in draft.scenes] == [
        "harbour-quay-dusk-1", "harbour-quay-dusk-2", "ferry-night",
    ]  # fmt: skip
    assert [scene.transition for scene in draft.scenes] == ["cut", "crossfade", "cut"]
    whole = imported(tmp_path, FOUNTAIN)
    assert sum((s.shots for s in draft.scenes), ()) == sum((s.shots for s in whole.scenes), ())


def test_parts_of_scenes_have_names_of_their_own() -> None:
    shots = (DraftShot(prompt="a", seconds=5), DraftShot(prompt="b", seconds=5))
    scenes = [DraftScene(id="quay", shots=shots), DraftScene(id="quay-2", shots=shots[:1])]
    names = [scene.id for scene in parted(scenes, 6)]
    assert len(set(names)) == 3


def test_what_is_said_behind_a_scene_stays_behind_its_last_part() -> None:
    shots = (DraftShot(prompt="a", seconds=5), DraftShot(prompt="b", seconds=5))
    ending = ("LOOK: heard, not seen: ANN (V.O.): No.",)
    first, last = parted([DraftScene(id="quay", shots=shots, ending=ending)], 6)
    assert (first.ending, last.ending) == ((), ending)
    draft = Draft(title="t", source="s", scenes=(first, last))
    assert draft.open_places == 2, "the voice, and that the scene goes on"
    assert to_yaml(draft, "nano").rstrip().endswith(f"# {ending[0]}")


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@given(words, words, words)
def test_any_words_survive_the_yaml(title: str, caption: str, prompt: str) -> None:
    doubled = prompt.replace("{", "{{").replace("}", "}}")
    scene = DraftScene(
        id="a", caption="x" + caption.replace("{", "").replace("}", ""),
        shots=(DraftShot(prompt=doubled, seconds=2, remarks=(caption,)),),
    )  # fmt: skip
    source = read_text(to_yaml(Draft(title=title, source="s", scenes=(scene,)), "nano")).source
    assert source.data["title"] == title
    assert source.data["scenes"][0]["global"] == scene.caption
    assert source.data["scenes"][0]["shots"][0]["prompt"] == doubled


RAW = (
    "[global caption] A quiet sea. [character1] is a boy. This scene contains 2 shots. "
    "[per shot caption] Waves {at} night. [shot cut] [character1] waits."
)


def test_a_raw_prompt_comes_out_as_it_went_in(tmp_path: Path) -> None:
    film = screenplay(imported(tmp_path, f"{RAW}\n\n{RAW}\n", "raw.txt"))
    assert [compose(film, scene).text for scene in film.scenes] == [RAW, RAW]
    assert "contains" not in film.scenes[0].global_


def test_a_broken_raw_prompt_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exactly once") as told:
        imported(tmp_path, f"{RAW}\n\n[global caption] no shots", "raw.txt")
    assert told.value.where.endswith("raw.txt:3")


@pytest.mark.parametrize(
    ("name", "shots"),
    [
        ("raw_upper.txt", ["Waves.", "[character1] waits."]),
        ("raw_upper_nocount.txt", ["Waves.", "A red buoy.", "A boat."]),
        (
            "raw_cuts.txt",
            [
                "The curtain.", "The projector starts.", "Dust in the beam.",
                "A single viewer claps.",
            ],
        ),
        ("raw_lines.txt", ["The kite climbs.", "A man runs below it.", "The line snaps."]),
        (
            "raw_many.txt",
            [
                "[character1] walks down the street.", "Medium shot of [character2] on a wall.",
                "Close-up of the red bag.", "[character1] empties the bag.",
            ],
        ),
    ],
)  # fmt: skip
def test_markers_in_other_spellings_are_read_and_told(name: str, shots: list[str]) -> None:
    draft = of_file(name)
    assert prompts(draft) == shots
    assert any("is written [" in remark for remark in draft.remarks)
    screenplay(draft)


def test_a_shot_list_is_read_by_its_columns(tmp_path: Path) -> None:
    text = (
        "Scene;Description;Shot size;Duration;frames;Props\n"
        'quay;"A harbour; at dusk.";WS;2,5;;rope\n'
        "quay;Rain.;odd;;9;\n\ndeck;Sea.;;;;\n"
    )
    draft = imported(tmp_path, text, "list.csv")
    film = screenplay(draft)
    assert film.scene_ids() == ("quay", "deck")
    first, second = film.scenes[0].shots or ()
    assert (first.prompt, first.size, first.seconds) == ("A harbour; at dusk.", "wide", 2.5)
    assert (second.frames, second.seconds, second.size) == (9, None, None)
    assert (film.scenes[1].shots or ())[0].seconds == 3
    shown = to_yaml(draft, "nano")
    assert "# Props: rope" in shown or "# props: rope" in shown
    assert "# LOOK: size 'odd'" in shown


@pytest.mark.parametrize(
    ("name", "text", "message", "line"),
    [
        ("a.csv", "scene,prompt\nquay,\ndeck,x\n", "no prompt", ":2"),
        ("a.csv", "prompt,seconds\nx,two\n", "`seconds` is 'two'", ":2"),
        ("a.csv", "prompt,seconds,frames\nx,1,9\n", "`frames` and `seconds`", ":2"),
        ("a.csv", "prompt,frames\nx,1.5\n", "`frames` is 1.5", ":2"),
        ("a.csv", "words\nx\n", "no column `prompt`", ":1"),
        ("a.csv", "prompt,text\nx,y\n", "two columns mean `prompt`", ":1"),
        ("a.csv", "prompt\nx, y\n", "2 cells", ":2"),
        ("a.csv", 'prompt\n"x\n', "cannot be read", ":2"),
        ("a.csv", "", "empty", "a.csv"),
        ("a.csv", "prompt\n", "no shots", ":1"),
        ("a.fdx", "<FinalDraft>\n<Content>\n", "no XML", ":3:1"),
        ("a.fdx", "<html></html>", "no Final Draft", "a.fdx"),
        ("a.txt", "some words", "what kind of script", "a.txt"),
        ("a.fountain", "\n", "no scenes", "a.fountain"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, name: str, text: str, message: str, line: str
) -> None:
    with pytest.raises(InputError, match=message) as told:
        imported(tmp_path, text, name)
    assert told.value.problems[0].where.endswith(line)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.fountain").write_bytes(b"INT. A\n\nx\xff\n")
    with pytest.raises(InputError, match="0xff is no UTF-8") as told:
        read_script(tmp_path / "a.fountain", longest=60)
    assert told.value.where.endswith(":3")


ODD = """\
INT. ROOM - DAY

NARRATOR (V.O.)
(tired)
It was late.

Ann sits.

ANN
(nods)

DISSOLVE TO:

Later, Ann sleeps.

BOB (O.S.)
Good night!

FADE OUT.

EXT. STREET - NIGHT

ANN
(softly)
Hello.
"""


def test_odd_scripts_lose_nothing_and_pass_the_check(tmp_path: Path) -> None:
    draft = imported(tmp_path, ODD)
    film = screenplay(draft)
    shown = to_yaml(draft, "nano")
    assert list(film.characters) == ["ann"], "voices that are never seen are no characters"
    for words in (
        "heard, not seen: NARRATOR (V.O.), tired: It was late.",
        "named in the script without words: ANN (nods)",
        "a transition in the script: DISSOLVE TO:",
        "heard, not seen: BOB (O.S.): Good night!",
    ):
        assert f"# LOOK: {words}" in shown
    assert [scene.transition.kind for scene in film.scenes] == ["fade", "cut"]
    room, _ = shown.split("id: street")
    assert "BOB" in room
    assert [shot.prompt for shot in film.scenes[1].shots or ()] == ['{ann}, softly, says: "Hello."']


def test_a_shot_list_as_people_write_it(tmp_path: Path) -> None:
    lines = ["", "scene,,prompt,frames,", "quay,x,A {b},90,", ",,Rain.,91,", "quay 2,,Sea.,9,"]
    text = "\ufeff" + "\r\n".join([*lines, "quay,,Again.,9,", ""])
    draft = imported(tmp_path, text, "list.csv", longest=10)
    assert [len(scene.shots) for scene in draft.scenes] == [1, 1, 1, 1]
    assert len({scene.id for scene in draft.scenes}) == 4
    shown = to_yaml(draft, "nano")
    assert "# column 2: x" in shown
    assert "'quay' comes back" in shown
    assert screenplay(draft).scenes[0].shots is not None


@pytest.mark.parametrize("text", ["0E0", "1e3", "7", ".5", "true", "yes", "~", "null", "1:30"])
def test_a_text_that_looks_like_a_number_stays_a_text(text: str) -> None:
    written = yaml_of({"a": text})
    assert parse_source(written, Path("a.yaml")).data["a"] == text
    assert yaml.safe_load(written)["a"] == text, "to readers of YAML 1.1 too"
