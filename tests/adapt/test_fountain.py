"""Fountain scripts: who speaks, where scenes begin, what is no shot; as programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapt.imports import captions, imported, of_file, people, prompts, remarks, transitions

HALL = "INT. HALL - DAY\n\nA lamp.\n\n"


# --- the field's inputs ------------------------------------------------------------------------


def test_behind_a_comment_that_never_closes_all_is_kept() -> None:
    draft = of_file("unclosed.fountain")
    assert captions(draft) == ["Inside: hall, day.", "Outside: street, night."]
    assert prompts(draft) == [
        "{mara} waits.",
        "/* cut the next line",
        '{mara} says: "Hello."',
        "She walks home.",
    ]
    assert remarks(draft)[1] == "LOOK: a comment opens in line 5 and is never closed"


def test_fades_are_transitions_and_no_scenes() -> None:
    draft = of_file("fadein.fountain")
    assert captions(draft) == ["Outside: hill, day.", "Inside: shed, night.", "Outside: lake, day."]
    assert prompts(draft) == ["A tree.", "A lamp.", "Water."]
    assert transitions(draft) == ["fade", "fade", "cut"]
    assert remarks(draft)[1:] == [
        "the script begins: FADE IN:",
        "LOOK: a transition in the script: FADE TO WHITE:",
        "LOOK: a title card in the script: THE END",
    ]


def test_speakers_in_other_letters() -> None:
    draft = of_file("accent.fountain")
    assert draft.looks == {
        "élodie": "a tall woman in a green coat, 30", "ömer": "", "анна": "", "李明": "",
    }  # fmt: skip
    assert prompts(draft)[1:] == [
        '{élodie} says: "You are late."',
        '{ömer}, quietly, says: "I know."',
        '{анна} says: "Привет."',
        '{李明} says: "你好。"',
        '{élodie} says: "Then go."',
    ]
    assert "LOOK: heard, not seen: ÅSA (V.O.): I was never there." in remarks(draft)


def test_headings_of_all_kinds_and_lines_that_are_none() -> None:
    draft = of_file("sections.fountain")
    assert captions(draft) == [
        "Flur.",
        "Über den wolken, tag.",
        "42nd street.",
        "Inside and outside: car, day.",
        "Inside and outside: van, day.",
        "Inside and outside: boat, day.",
        "Inside and outside: barn, day.",
        "Inside: küche, tag.",
        "Inside: kitchen, day.",
    ]
    assert prompts(draft, 1) == ["Ein Flugzeug.", "...and then nothing."]
    assert prompts(draft, 8) == ["Est. 1890 hangs over the door."]


def test_names_that_are_words_stay_words_or_are_asked_about() -> None:
    draft = of_file("willgrace.fountain")
    assert people(draft) == ["will", "all", "grace", "mark", "may", "bill"]
    assert prompts(draft) == [
        '{will} says: "Will you come, {grace}? All of us will."',
        '{all} says: "Yes!"',
        '{grace} says: "Grace before meat. Mark my words."',
        '{mark} says: "May I?"',
        '{may} says: "Will {mark} pay the bill?"',
        "All the lamps go out. Will they come back? In May, {grace} fell.",
        '{bill} says: "Hope so."',
    ]
    asked = [remark for remark in remarks(draft) if "is '" in remark]
    assert asked[:2] == [
        "LOOK: is 'Will' a word here, or WILL?", "LOOK: is 'All' a word here, or ALL?",
    ]  # fmt: skip
    assert len(asked) == 9


def test_a_title_page_of_several_lines() -> None:
    draft = of_file("title_multi.fountain")
    assert draft.title == "THE LAST FERRY (a tale)"
    assert captions(draft) == ["Outside: quay, day."]
    assert prompts(draft) == ["Rain."]
    assert "contact: Next Level 123 Some Street" in draft.remarks
    assert "notes: one two, indented three, indented" in draft.remarks


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("blankfirst.fountain", "The Last Ferry"),
        ("title_utf.fountain", "La última barca"),
        ("my_short_film_v2.fountain", "my short film v2"),
        ("two_line_title.fountain", "THE HOUSE ABOVE THE TREES"),
        ("chinese.fountain", "最后的渡船"),
        ("russian.fountain", "Последний паром"),
        ("french.fountain", "La dernière barque"),
        ("pages.fountain", "Pages"),
        ("pdf_paste.fountain", "THE WELL"),
        ("crlf.fountain", "The Lift"),
        ("cr.fountain", "Old Macintosh"),
        ("emphasis.fountain", "One Two Three"),
    ],
)
def test_titles(name: str, title: str) -> None:
    draft = of_file(name)
    assert draft.title == title
    assert draft.scenes[0].id != "opening"


def test_signs_of_emphasis_that_are_none_stay() -> None:
    told = " ".join(prompts(of_file("caps.fountain")))
    for words in ("*stars*", "file_name_final.txt", "5*3*2", "*69 and *67"):
        assert words in told
    assert people(of_file("caps.fountain")) == []


def test_a_scene_told_by_a_voice_keeps_it() -> None:
    draft = of_file("voonly.fountain")
    assert [scene.id for scene in draft.scenes] == [
        "hall-day", "black-night", "quay-day", "darkness-night",
    ]  # fmt: skip
    assert draft.scenes[1].shots[0].remarks[:2] == (
        "LOOK: heard, not seen: NARRATOR (V.O.): Long ago there was a ferry.",
        "note: slowly",
    )
    assert draft.scenes[3].shots[0].remarks[:2] == (
        "synopsis: Only her voice.",
        "LOOK: heard, not seen: MARA (V.O.): And it never came back.",
    )


# --- kinds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scenes", "persons", "shots"),
    [
        ("german.fountain", 4, ["änne", "jörg", "großmutter"], 7),
        ("french.fountain", 3, ["hélène", "étienne"], 6),
        ("spanish.fountain", 2, ["íñigo", "mamá"], 5),
        ("polish.fountain", 3, ["łucja", "żarosław"], 5),
        ("russian.fountain", 3, ["анна", "пётр"], 5),
        ("chinese.fountain", 3, ["李明", "王芳"], 5),
        ("nfd.fountain", 1, ["zoë", "andré"], 6),
        ("fadein_export.fountain", 3, ["nesrin", "tomás"], 10),
        ("highland.fountain", 3, ["ida_bren", "pete"], 9),
        ("slugline.fountain", 3, ["baker", "sexton"], 9),
        ("beat.fountain", 3, ["june", "august"], 8),
        ("writerduet.fountain", 3, ["ola", "driver"], 12),
        ("trelby.fountain", 2, ["old_mctavish", "young_mctavish"], 7),
        ("numbers_both.fountain", 6, ["hana"], 7),
        ("acts.fountain", 3, ["sal"], 8),
        ("dual.fountain", 1, ["ada", "bea"], 7),
        ("digits.fountain", 1, ["character_7_of_9", "character_2nd_fencer", "cop_1", "r2",
                                "the_3rd_man"], 11),
        ("nested.fountain", 2, ["vera"], 6),
        ("transitions.fountain", 12, [], 13),
        ("forced.fountain", 3, ["lowercase"], 12),
    ],
)  # fmt: skip
def test_scenes_people_and_shots(name: str, scenes: int, persons: list[str], shots: int) -> None:
    draft = of_file(name)
    assert (len(draft.scenes), people(draft), len(prompts(draft))) == (scenes, persons, shots)


@pytest.mark.parametrize(
    ("said", "kind", "asks"),
    [
        ("FADE OUT.", "fade", None),
        ("FADE TO BLACK.", "fade", None),
        ("FADE OUT.\n\nFADE IN:", "fade", None),
        ("DISSOLVE TO:", "crossfade", None),
        ("CUT TO:", "cut", None),
        ("SMASH CUT TO:", "cut", False),
        ("MATCH CUT:", "cut", False),
        ("WIPE TO:", "cut", True),
        ("FADE TO WHITE:", "fade", True),
        ("> a slow turn of the page", "cut", True),
        ("ÜBERBLENDUNG:", "crossfade", None),
        ("FONDU AU NOIR.", "fade", None),
        ("FUNDIDO A NEGRO.", "fade", None),
        ("CORTE A:", "cut", None),
        ("ИЗ ЗАТЕМНЕНИЯ:", "fade", None),
        ("**CUT TO:**", "cut", None),
    ],
)
def test_transitions(tmp_path: Path, said: str, kind: str, asks: bool | None) -> None:
    draft = imported(tmp_path, f"{HALL}{said}\n\nEXT. YARD - DAY\n\nA dog.\n")
    assert prompts(draft) == ["A lamp.", "A dog."]
    assert transitions(draft)[0] == kind
    told = [remark for remark in remarks(draft) if "a transition in the script" in remark]
    assert [remark.startswith("LOOK:") for remark in told] == ([] if asks is None else [asks])


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_transition_and_a_heading_need_no_empty_line_between(tmp_path: Path, gap: str) -> None:
    draft = imported(tmp_path, f"{HALL}DISSOLVE TO:{gap}EXT. YARD - DAY\nA dog.\n")
    assert captions(draft) == ["Inside: hall, day.", "Outside: yard, day."]
    assert transitions(draft)[0] == "crossfade"


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("ACT TWO", "act: ACT TWO"),
        ("END OF ACT ONE", "act: END OF ACT ONE"),
        ("COMMERCIAL BREAK", "act: COMMERCIAL BREAK"),
        ("OMITTED", "a scene in the script: OMITTED"),
        ("THE END", "LOOK: a title card in the script: THE END"),
        ("FIN", "LOOK: a title card in the script: FIN"),
        ('SUPER: "Two years later"', 'LOOK: a title card in the script: SUPER: "Two years later"'),
        ("TITLE OVER:", "LOOK: a title card in the script: TITLE OVER:"),
        ("END OF FILM", "LOOK: a title card in the script: END OF FILM"),
        ("> The End <", "LOOK: a title card in the script: The End"),
        ("INSERT - THE TICKET", "LOOK: a shot in the script: INSERT - THE TICKET"),
        ("MARA'S POV", "LOOK: a shot in the script: MARA'S POV"),
        ("BACK TO SCENE", "a shot in the script: BACK TO SCENE"),
        ("NOTE: no rain here", "note: no rain here"),
        ("#14A#", "number in the script: 14A"),
        (" " * 40 + "12.", "page: 12"),
    ],
)
def test_lines_that_are_no_shots(tmp_path: Path, line: str, remark: str) -> None:
    draft = imported(tmp_path, f"{HALL}{line}\n")
    assert prompts(draft) == ["A lamp."]
    assert remarks(draft)[1:] == [remark]


@pytest.mark.parametrize("line", ["(CONTINUED)", "CONTINUED:", "CONTINUED: (2)"])
def test_what_programs_set_at_a_pages_end_says_nothing(tmp_path: Path, line: str) -> None:
    draft = imported(tmp_path, f"{HALL}{line}\n")
    assert (prompts(draft), remarks(draft)[1:]) == (["A lamp."], [])


def test_a_point_in_the_middle_of_an_action_is_no_heading(tmp_path: Path) -> None:
    draft = imported(tmp_path, f"{HALL}He drinks\n.5 of it.\nEXT. YARD - DAY\nA dog.\n")
    assert prompts(draft) == ["A lamp.", "He drinks .5 of it.", "A dog."]


@pytest.mark.parametrize("line", ["BOOM!", "THE LAMP GOES OUT", "TAGGED", "FULL OF SHOTS"])
def test_capitals_alone_are_an_action(tmp_path: Path, line: str) -> None:
    assert prompts(imported(tmp_path, f"{HALL}{line}\n")) == ["A lamp.", line]


@pytest.mark.parametrize(
    ("cue", "told"),
    [
        ("MARA (CONT'D)", '{mara} says: "Yes."'),
        ("MARA (MORE)", '{mara} says: "Yes."'),
        ("**MARA**", '{mara} says: "Yes."'),
        ("MARA (INTO PHONE)", '{mara}, into phone, says: "Yes."'),
        ("MARA (shouting)", '{mara}, shouting, says: "Yes."'),
        ("MARA (ON SCREEN)", '{mara} says: "Yes."'),
        ("MARA [[played by twins]]", '{mara} says: "Yes."'),
        ("MARA ^", '{mara} says: "Yes."'),
        ("MARA/IVO", '{mara} and {ivo} say: "Yes."'),
        ("7 OF 9", '{character_7_of_9} says: "Yes."'),
    ],
)
def test_cues(tmp_path: Path, cue: str, told: str) -> None:
    assert prompts(imported(tmp_path, f"{HALL}{cue}\nYes.\n")) == ["A lamp.", told]


@pytest.mark.parametrize(
    "extra",
    ["V.O.", "VO", "v.o.", "V.O", "O.S.", "OS", "O.C.", "VOICE OVER", "off screen", "PRE-LAP",
     "FILTERED", "AUS DEM OFF", "EN OFF", "HORS CHAMP", "Z OFFU", "ЗА КАДРОМ", "V.O., singing",  # noqa: RUF001
     "V.O.) (CONT'D"],
)  # fmt: skip
def test_voices(tmp_path: Path, extra: str) -> None:
    draft = imported(tmp_path, f"{HALL}MARA ({extra})\nYes.\n")
    assert (prompts(draft), people(draft)) == (["A lamp."], [])
    assert remarks(draft)[-1].startswith("LOOK: heard, not seen: MARA (")


@pytest.mark.parametrize(
    "name", ["NARRATOR", "COMPUTER VOICE", "VOICE ON THE RADIO", "VOICE (ON PHONE)", "旁白"]
)
def test_names_of_voices(tmp_path: Path, name: str) -> None:
    assert people(imported(tmp_path, f"{HALL}{name}\nYes.\n")) == []
    if "(" not in name:
        assert people(imported(tmp_path, f"{HALL}{name} (ON SCREEN)\nYes.\n")) != []


def test_a_name_of_several_is_several_only_where_they_are_known(tmp_path: Path) -> None:
    text = f"{HALL}ADA\nNo.\n\nADA AND BEA\nYes.\n"
    assert people(imported(tmp_path, text)) == ["ada", "bea"]
    one_never_alone = f"{HALL}ADA/IVO\nNo.\n\nADA AND BEA\nYes.\n"
    assert people(imported(tmp_path, one_never_alone)) == ["ada", "ivo", "ada_and_bea"]
    assert people(imported(tmp_path, f"{HALL}SALT AND PEPPER\nYes.\n")) == ["salt_and_pepper"]


def test_a_line_that_may_tell_what_happens_films_nobody_and_asks(tmp_path: Path) -> None:
    draft = imported(tmp_path, f"{HALL}THE SUN RISES\nBirds sing.\n")
    assert (people(draft), prompts(draft)) == ([], ["A lamp.", "THE SUN RISES Birds sing."])
    assert remarks(draft)[-1] == "LOOK: what happens, or who speaks? THE SUN RISES"
    twice = imported(tmp_path, HALL + "THE THREE TWINS\nYes.\n\n" * 2)
    assert people(twice) == ["the_three_twins"]


def test_speech_goes_on_behind_songs_and_brackets(tmp_path: Path) -> None:
    draft = imported(tmp_path, HALL + "MARA\n(low)\nOne.\n~La la\n(beat)\n(older,\nsad)\nTwo.\n")
    assert prompts(draft)[1:] == [
        '{mara}, low, says: "One."',
        '{mara} sings: "La la"',
        '{mara}, after a beat, older, sad, says: "Two."',
    ]


def test_a_name_in_both_normal_forms_is_one(tmp_path: Path) -> None:
    draft = imported(tmp_path, HALL + "ZOE\u0308\nNo.\n\nZO\u00cb\nYes.\n")
    assert people(draft) == ["zo\u00eb"]


def test_remarks_stand_where_the_script_has_them(tmp_path: Path) -> None:
    draft = imported(
        tmp_path,
        "# One\n\nINT. HALL [[tin]] - DAY\n\n[[a]]\n\nA lamp.\n\nIVO (V.O.)\nYes.\n\n# Two\n\n"
        "INT. YARD - DAY\n\nA dog.\n\n# The last\n",
    )
    hall, yard = draft.scenes
    assert (hall.remarks, hall.shots[0].remarks) == (("section: One",), ("note: tin", "note: a"))
    assert hall.ending == ("LOOK: heard, not seen: IVO (V.O.): Yes.",)
    assert (yard.remarks, yard.ending) == (("section: Two",), ("section: The last",))
    assert draft.open_places == 1


def test_of_beats_own_block_only_that_it_was_there_is_kept() -> None:
    told = "\n".join(remarks(of_file("beat.fountain")))
    assert "left out: what the program Beat keeps of its own in the script" in told
    assert "Caret" not in told


# --- looks and names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "look"),
    [
        ("MARA, a tall, thin woman in grey, waits.", "a tall, thin woman in grey"),
        ("MARA, a tall, thin woman in grey.", "a tall, thin woman in grey"),
        ("MARA (60s), an old woman, waits.", "an old woman, 60s"),
        ("MARA (60), tall and grey, waits.", "tall and grey, 60"),
        ("MARA, 60, in a coat, waits.", "in a coat, 60"),
        ("MARA (19, freckles, a red cap) waits.", "19, freckles, a red cap"),
        ("MARA - small, bald - waits.", "small, bald"),
        ("MARA, a singer, looks up, smiling, and goes.", "a singer"),
        ("MARA, a singer, and a dog, wait.", "a singer"),
        ("MARA (40), eine kleine Frau, wartet.", "eine kleine Frau, 40"),
        (
            "MARA (30), a woman with red hair, wearing a yellow coat, walks along the quay.",
            "a woman with red hair, wearing a yellow coat, 30",
        ),
        (
            "MARA, a woman with grey braids, wearing a red coat, waits.",
            "a woman with grey braids, wearing a red coat",
        ),
        (
            "MARA, an old woman, in a red coat, with round glasses, waits.",
            "an old woman, in a red coat, with round glasses",
        ),
        ("MARA, an old woman, with round glasses.", "an old woman, with round glasses"),
        (
            "MARA, a girl, dressed in black, a red cap, and high boots, waits.",
            "a girl, dressed in black, a red cap, and high boots",
        ),
        (
            "MARA, a tall, thin, pale woman, in grey, without shoes, wearing a ring, waits.",
            "a tall, thin, pale woman, in grey, without shoes, wearing a ring",
        ),
        ("MARA, wearing a red coat, waits.", "wearing a red coat"),
        ("MARA (40), eine Frau, mit grauen Zöpfen, wartet.", "eine Frau, mit grauen Zöpfen, 40"),
        ("MARA, a singer, with a sigh, waits.", "a singer"),
        ("MARA, a singer, with Ivo behind her, waits.", "a singer"),
        ("MARA, a singer, in the next hall, waits.", "a singer"),
        ("MARA, a singer, wearing a hat, and Ivo, a boy, wait.", "a singer, wearing a hat"),
        ("MARA, in a hurry, waits.", ""),
        ("MARA, who never waits, waits.", ""),
        ("MARA (60) waits.", ""),
        ("MARA waits, a cup in hand.", ""),
    ],
)
def test_looks_are_whole_or_left_open(tmp_path: Path, told: str, look: str) -> None:
    draft = imported(tmp_path, f"INT. HALL - DAY\n\n{told}\n\nMARA\nYes.\n")
    assert draft.looks == {"mara": look}


@pytest.mark.parametrize(
    ("name", "action", "shown"),
    [
        ("ROSE", "Rose waits.", "{rose} waits."),
        ("ROSE", "Rose slowly waits.", "{rose} slowly waits."),
        ("ROSE", "Rose's hands.", "{rose}'s hands."),
        ("ROSE", "She has a rose.", "She has a rose."),
        ("DAWN", "Dawn breaks.", "Dawn breaks."),
        ("JUNE", "June waits.", "{june} waits."),
        ("JUNE", "In June it rains.", "In June it rains."),
        ("李明", "李明走了。", "{李明}走了。"),
    ],
)
def test_names_in_actions(tmp_path: Path, name: str, action: str, shown: str) -> None:
    draft = imported(tmp_path, f"INT. HALL - DAY\n\n{action}\n\n{name}\nYes.\n")
    assert prompts(draft)[0] == shown
