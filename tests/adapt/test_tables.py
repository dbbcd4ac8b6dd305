"""Shot lists as spreadsheets write them: columns, words of cells, what stands around the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.adapt.columns import columns_of, words_in
from holocine_core.adapt.draft import Draft, DraftShot
from holocine_core.errors import InputError
from tests.adapt.imports import captions, imported, of_file, prompts, remarks, screenplay


def shots(draft: Draft) -> list[DraftShot]:
    return [shot for scene in draft.scenes for shot in scene.shots]


def test_excels_line_that_says_what_parts_cells(tmp_path: Path) -> None:
    draft = of_file("excel2.csv")
    (shot,) = shots(draft)
    assert (shot.prompt, shot.seconds, shot.size) == ("Quay; rain.", 2.5, "wide")
    assert draft.remarks == ()
    bars = imported(tmp_path, "sep=|\nprompt|seconds\nA, b; c|2\n", "a.csv")
    assert (prompts(bars), bars.remarks) == (["A, b; c"], ())


def test_rows_above_and_below_the_table_are_told() -> None:
    draft = of_file("titlerow.csv")
    assert prompts(draft) == ["Quay."]
    assert draft.remarks == (
        "above the table: Project: The Ferry", "above the table: Date: 2026-01-01",
    )  # fmt: skip
    merged = of_file("merged.csv")
    assert captions(merged) == ["Inside: greenhouse, day.", "Outside: greenhouse, night."]
    assert [len(scene.shots) for scene in merged.scenes] == [3, 2]
    assert merged.remarks[:2] == ("above the table: Episode 2", "below the table: Total, 13")


def test_columns_and_words_of_other_programs() -> None:
    (quay,) = shots(of_file("syn2.csv"))
    assert (quay.prompt, quay.seconds, quay.size, quay.movement) == ("Quay.", 3, "wide", "pan left")
    found = [(shot.size, shot.angle, shot.movement) for shot in shots(of_file("sb.csv"))]
    assert found == [
        ("wide", "low", "static"),
        ("medium close-up", "eye-level", "push in"),
        ("close-up", "high", "handheld"),
        ("extreme wide", "", ""),
    ]
    assert [remark for remark in remarks(of_file("sb.csv")) if remark.startswith("LOOK")] == [
        "LOOK: movement 'Pan' is none that a screenplay knows"
    ]


def test_a_number_that_could_be_two_is_asked_about() -> None:
    with pytest.raises(InputError, match="is the comma a point") as told:
        of_file("num2.csv")
    assert told.value.problems[0].hint == "write 1200 or 1.200"
    assert told.value.problems[0].where.endswith("num2.csv:2")


@pytest.mark.parametrize(
    ("name", "scenes", "seconds"),
    [
        ("google_sheets.csv", 2, [4, 3.5, 2, 6, 1.5]),
        ("shot_list.csv", 2, [3] * 6),
        ("excel_utf16.tsv", 2, [2.5, 3, 4]),
        ("excel_german.csv", 2, [3.5, 2, 1.5]),
        ("notion.csv", 2, [3, 2, 2.5]),
        ("ai_script.csv", 3, [5, 4, 3.5]),
        ("shots.tsv", 1, [3, 2]),
    ],
)
def test_scenes_and_seconds(name: str, scenes: int, seconds: list[float]) -> None:
    draft = of_file(name)
    assert len(draft.scenes) == scenes
    assert [shot.seconds for shot in shots(draft)] == seconds
    guessed = any("Shots without a length" in remark for remark in draft.remarks)
    assert guessed == (name == "shot_list.csv")
    screenplay(draft)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Scene #", "scene"), ("SCENE NO.", "scene"), ("Szene", "scene"),
        ("Length (s)", "seconds"), ("Est. Time", "seconds"), ("Duration [frames]", "frames"),
        ("Dauer (s)", "seconds"), ("Framing", "size"), ("Shot Size", "size"),
        ("Camera Angle", "angle"), ("Camera Move", "movement"), ("Camera", "movement"),
        ("Scene Heading", "global"), ("Scene Description", "prompt"), ("Bildinhalt", "prompt"),
        ("Lens", "lens"), ("", "column 1"),
    ],
)  # fmt: skip
def test_names_of_columns(header: str, column: str) -> None:
    assert columns_of([header]) == [column]


def test_of_columns_that_mean_the_same_the_clearer_is_read() -> None:
    assert columns_of(["Camera", "Movement"]) == ["camera", "movement"]
    assert columns_of(["Shot Type", "Shot Size"]) == ["shot type", "size"]
    assert columns_of(["Time", "Duration"]) == ["time", "seconds"]
    assert columns_of(["Shot #", "Shot"]) == ["shot", "shot in column 2"]


@pytest.mark.parametrize("cell", ["", "-", "\u2014", "?"])
def test_a_dash_is_no_length(tmp_path: Path, cell: str) -> None:
    draft = imported(tmp_path, f"prompt,seconds\nA dog.,{cell}\n", "a.csv")
    assert [shot.seconds for shot in shots(draft)] == [3]
    assert draft.remarks == ("Shots without a length have 3 seconds.",)


@pytest.mark.parametrize(
    ("column", "cell", "found", "whole"),
    [
        ("size", "Wide Shot", {"size": "wide"}, True),
        ("size", "Medium Close Up", {"size": "medium close-up"}, True),
        ("size", "Extreme Close-Up", {"size": "extreme close-up"}, True),
        ("size", "OTS", {"size": "over-the-shoulder"}, True),
        ("size", "Totale", {"size": "wide"}, True),
        ("size", "gros plan", {"size": "close-up"}, True),
        ("size", "Wide / Low Angle", {"size": "wide", "angle": "low"}, True),
        ("angle", "Bird's Eye View", {"angle": "overhead"}, True),
        ("angle", "POV", {"angle": "point of view"}, True),
        ("movement", "Slow push in", {"movement": "push in"}, True),
        ("movement", "static wide", {"movement": "static", "size": "wide"}, True),
        ("movement", "drone push in", {"movement": "push in"}, False),
        ("movement", "pan left, tilt up", {"movement": "pan left"}, False),
        ("movement", "Crane", {}, False),
        ("size", "", {}, True),
    ],
)
def test_words_of_cells(column: str, cell: str, found: dict[str, str], whole: bool) -> None:
    assert words_in(cell, column) == (found, whole)


def test_what_of_a_cell_has_no_word_of_a_screenplay_is_kept(tmp_path: Path) -> None:
    draft = imported(
        tmp_path,
        "prompt,camera,size\nA,slow push in,\nB,drone push in,\nC,wide,close\nD,static wide,\n",
        "a.csv",
    )
    slow, drone, both, wide = shots(draft)
    assert (slow.movement, slow.remarks) == ("push in", ("movement: slow push in",))
    assert drone.remarks == ("LOOK: movement is 'drone push in' in the table",)
    assert (both.size, wide.size, wide.movement) == ("close-up", "wide", "static")
    assert both.remarks == ("movement: wide",)
    assert wide.remarks == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_signs_and_line_ends(tmp_path: Path, encoding: str, sign: str, end: str) -> None:
    path = tmp_path / "a.csv"
    lines = (("scene", "prompt", "size"), ("Café", "Ein Hof.", "WS"), ("", "Ein Hund.", "CU"))
    path.write_bytes(end.join(sign.join(line) for line in (*lines, ("",))).encode(encoding))
    from holocine_core.adapt.read import read_script

    draft = read_script(path, longest=60)
    assert [(shot.prompt, shot.size) for shot in shots(draft)] == [
        ("Ein Hof.", "wide"), ("Ein Hund.", "close-up"),
    ]  # fmt: skip
    assert [scene.id for scene in draft.scenes] == ["cafe"]


@pytest.mark.parametrize(
    ("cell", "seconds", "asked"),
    [
        ("1:30", 90, False), ("0:01:30", 90, False), ("00:00:04.5", 4.5, False),
        ("00:00:04:00", 4, False), ("00:00:04:12", 4.5, True), ("00:01:00;18", 60.75, True),
    ],
)  # fmt: skip
def test_lengths_as_timecode(cell: str, seconds: float, asked: bool, tmp_path: Path) -> None:
    draft = imported(tmp_path, f"prompt,duration\nQuay.,{cell}\n", "a.csv")
    (shot,) = shots(draft)
    assert shot.seconds == seconds
    told = [one for one in shot.remarks if one.startswith("LOOK")]
    assert told == asked * [
        f"LOOK: the table doesn't say what rate it counts at: {cell} is {seconds:g} s at 24 frames "
        "a second"
    ]


def test_a_frame_that_no_second_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'00:00:04:24'"):
        imported(tmp_path, "prompt,duration\nQuay.,00:00:04:24\n", "a.csv")
    with pytest.raises(InputError, match="'1:30'"):
        imported(tmp_path, "prompt,frames\nQuay.,1:30\n", "a.csv")
