"""Final Draft's files: types of paragraphs, what stands beside them, what editions add."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.adapt.draft import Draft
from tests.adapt.imports import captions, imported, of_file, people, prompts, remarks, transitions

HALL = '<Paragraph Type="Scene Heading"><Text>INT. HALL</Text></Paragraph>'
LAMP = '<Paragraph Type="Action"><Text>A lamp.</Text></Paragraph>'


def of_paragraphs(tmp_path: Path, *paragraphs: str, rest: str = "") -> Draft:
    body = "".join((HALL, LAMP, *paragraphs))
    text = f'<?xml version="1.0"?><FinalDraft><Content>{body}</Content>{rest}</FinalDraft>'
    return imported(tmp_path, text, "a.fdx")


def paragraph(kind: str, text: str, **more: str) -> str:
    words = "".join(f' {key}="{value}"' for key, value in more.items())
    return f'<Paragraph Type="{kind}"{words}><Text>{text}</Text></Paragraph>'


def test_who_goes_on_speaking_unseen_is_one_character() -> None:
    draft = of_file("vocont.fdx")
    assert people(draft) == ["mara"]
    assert prompts(draft) == [
        "{mara} waits.",
        '{mara} says: "Here I am."',
        '{mara} says: "Again."',
        '{mara} says: "In small letters."',
    ]
    assert [remark for remark in remarks(draft) if "heard" in remark] == [
        "LOOK: heard, not seen: MARA (V.O.): Nobody sees me.",
        "LOOK: heard, not seen: MARA (O.S.): Still not.",
        "LOOK: heard, not seen: MARA (V.O.): No space.",
        "LOOK: heard, not seen: MARA (V.O): No bracket.",
    ]


def test_types_of_paragraphs() -> None:
    draft = of_file("types.fdx")
    assert captions(draft) == ["Inside: stage, night."]
    assert people(draft) == ["mara", "ivo"]
    assert prompts(draft) == [
        "It rings.",
        '{mara} sings: "Over the river"',
        '{mara} sings: "and home."',
        '{ivo} sings: "La la."',
        '{mara}, softly, says: "Go."',
        '{mara}, after a beat, says: "Now."',
        "no type text",
        "typeless",
    ]
    assert remarks(draft)[1:] == [
        "LOOK: a shot in the script: CLOSE ON - THE BELL",
        "new act: ACT TWO",
        "end of act: END OF ACT ONE",
        "cast list: MARA, IVO",
        "outline 1: An outline",
    ]


def test_notes_summaries_and_the_title_page() -> None:
    draft = of_file("notes.fdx")
    assert draft.title == "THE LAST FERRY"
    assert prompts(draft) == ["Mara waits.", "She leaves."]
    assert remarks(draft)[1:] == [
        "title page: A. Writer", "summary: She decides.", "note: Colder light?", "note: too long",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "title", "scenes", "persons", "shots"),
    [
        ("fd8.fdx", "THE EXTRA BOLT", 2, ["nell", "otto"], 5),
        ("fd10_omitted.fdx", "THE SHEPHERD", 2, ["bram"], 6),
        ("fd12_dual.fdx", "NINE SECONDS", 2, ["iris", "theo"], 8),
        ("fd13_revisions.fdx", "KEEPER", 2, ["sunniva"], 3),
        ("fd_series.fdx", "fd series", 2, ["kit", "mrs_lowe", "bo"], 5),
        ("writerduet.fdx", "One Sock", 2, ["pim"], 4),
        ("fadein.fdx", "fadein", 2, ["elke", "mr_will"], 5),
        ("highland.fdx", "highland", 1, ["doorman", "guest"], 3),
    ],
)
def test_titles_scenes_people_and_shots(
    name: str, title: str, scenes: int, persons: list[str], shots: int
) -> None:
    draft = of_file(name)
    assert (draft.title, len(draft.scenes)) == (title, scenes)
    assert (people(draft), len(prompts(draft))) == (persons, shots)


def test_an_omitted_scene_is_a_comment() -> None:
    (omitted,) = of_file("fd10_omitted.fdx").scenes[0].ending
    assert omitted == (
        "omitted in the script: OMITTED INT. BARN - DAY Bram shears a ewe. BRAM Hold still."
    )


def test_what_a_scene_has_beside_its_heading_is_kept(tmp_path: Path) -> None:
    heading = (
        '<Paragraph Number="3" Type="Scene Heading"><SceneProperties><Summary><Paragraph><Text>'
        "She goes.</Text></Paragraph></Summary><SceneArcBeats><CharacterArcBeat Name='MARA'>"
        "<Paragraph><Text>gives up</Text></Paragraph></CharacterArcBeat></SceneArcBeats>"
        "</SceneProperties><Text>EXT. YARD</Text></Paragraph>"
    )
    draft = of_paragraphs(tmp_path, heading, LAMP)
    assert draft.scenes[1].shots[0].remarks == (
        "number in the script: 3", "summary: She goes.", "arc of MARA: gives up",
    )  # fmt: skip


def test_words_that_are_struck_out_are_no_words_of_the_shot(tmp_path: Path) -> None:
    runs = '<Text>A red </Text><Text Style="Bold+Strikeout">old </Text><Text>lamp.</Text>'
    draft = of_paragraphs(tmp_path, f'<Paragraph Type="Action">{runs}</Paragraph>')
    assert prompts(draft) == ["A lamp.", "A red lamp."]
    assert remarks(draft)[1:] == ["crossed out: old"]


@pytest.mark.parametrize("kind", ["Action", "General", ""])
def test_what_is_typed_as_an_action_and_is_none(tmp_path: Path, kind: str) -> None:
    draft = of_paragraphs(
        tmp_path,
        paragraph(kind, "THE DOOR", Alignment="Center"),
        paragraph(kind, "CONTINUED:"),
        paragraph(kind, "FADE OUT."),
    )
    assert (prompts(draft), transitions(draft)) == (["A lamp."], ["cut"])
    assert remarks(draft)[1:] == [
        "LOOK: a title card in the script: THE DOOR",
        "the script ends: FADE OUT.",
    ]


def test_what_final_draft_adds_where_a_page_ends_is_nobodys_manner(tmp_path: Path) -> None:
    draft = of_paragraphs(
        tmp_path,
        paragraph("Character", "MARA"),
        paragraph("Dialogue", "One"),
        paragraph("Parenthetical", "(MORE)"),
        paragraph("Character", "MARA (CONT'D)"),
        paragraph("Dialogue", "two."),
    )
    assert prompts(draft)[1:] == ['{mara} says: "One"', '{mara} says: "two."']
    assert remarks(draft)[1:] == []


def test_a_heading_without_words_begins_no_scene(tmp_path: Path) -> None:
    draft = of_paragraphs(tmp_path, paragraph("Scene Heading", "."), LAMP)
    assert captions(draft) == ["Inside: hall."]


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        (["THE", "SHEPHERD", "written by", "C. Aldous"], "THE SHEPHERD"),
        (["", "THE BOLT", "", "a tale", "by", "F. Moreau"], "THE BOLT"),
        (["THE BOLT", "F. Moreau"], "THE BOLT"),
        (["", ""], "a"),
    ],
)
def test_the_title_is_what_stands_above_its_writer(
    tmp_path: Path, lines: list[str], title: str
) -> None:
    page = "".join(f"<Paragraph><Text>{line}</Text></Paragraph>" for line in lines)
    draft = of_paragraphs(tmp_path, rest=f"<TitlePage><Content>{page}</Content></TitlePage>")
    assert draft.title == title
    told = " ".join([draft.title, *remarks(draft)])
    assert all(line in told for line in lines if line)
