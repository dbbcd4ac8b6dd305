from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.model.locate import find_model
from holocine_core.model.vocabulary import (
    VOCABULARY_NAME,
    Vocabulary,
    read_vocabulary,
    write_vocabulary,
)
from holocine_core.plan.vocabulary_check import MOST, unknown_words
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.reader import read

TAUGHT = Vocabulary(
    taught={"colours": ("red", "blue"), "actions": ("waves", "is dancing")},
    words=frozenset(
        {"red", "blue", "coat", "wave", "waves", "dancing", "dance", "harbour", "stop", "dunes"}
    ),
    nearest={"crimson": "red", "quay": "harbour", "zebra": "dog"},
    origin="a dictionary",
)
SCENE = """\
style: A crimson film.
characters:
  mara_bell: a red coat
scenes:
  - global: "{mara_bell} is at the quay."
    frames: 13
    cuts: [6]
    shots:
      - "{mara_bell}'s coat waves."
      - prompt: |
          Mara stopped dancing, crimson,
          at a blue-red xylophone.
"""


def manuscript(tmp_path: Path, text: str = SCENE) -> Manuscript:
    path = tmp_path / "film.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def told(film: Manuscript) -> list[tuple[str, str, str]]:
    assert film.screenplay is not None
    problems = unknown_words(film, film.screenplay, TAUGHT, "nano")
    return [(p.message, p.where.split("/")[-1], p.hint) for p in problems]


def test_unknown_words_are_told_once_with_their_place_and_the_nearest_known(
    tmp_path: Path,
) -> None:
    messages = told(manuscript(tmp_path))
    assert [(m.split("'")[1], where.split(":")[1]) for m, where, _ in messages] == [
        ("crimson", "1"),
        ("film", "1"),
        ("quay", "5"),
        ("xylophone", "12"),
    ]
    hints = [hint for *_, hint in messages]
    assert ["red" in hints[0], hints[1], "harbour" in hints[2], hints[3]] == [True, "", True, ""]


def test_looks_of_characters_count(tmp_path: Path) -> None:
    messages = told(manuscript(tmp_path, SCENE.replace("a red coat", "a zebra")))
    assert [where.split(":")[1] for m, where, _ in messages if "zebra" in m] == ["3"]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("A red coat for Zelda. Zelda waves.", []),
        ("Zelda waves. Otto waves.", []),
        ("Crimson waves.", ["crimson"]),
        ("The Quay. A coat at the Quay.", []),
        ("A Quay and a quay.", ["quay"]),
        ("Zo\u00eb\u2019s coat, {{mara}}.", ["mara"]),
        ("A blue-crimson coat.", ["blue-crimson"]),
        ("A zebra. Zebra!", ["zebra"]),
    ],
)
def test_names_are_passed_over(tmp_path: Path, text: str, unknown: list[str]) -> None:
    told_of = told(manuscript(tmp_path, f'frames: 13\nglobal: "{text}"\nshots: [A red coat.]\n'))
    assert [message.split("'")[1] for message, *_ in told_of] == unknown


def test_many_words_share_the_last_line(tmp_path: Path) -> None:
    strange = [f"blorp{letter}" for letter in "abcdefghijk"]
    text = f"global: {' '.join(strange)}\nframes: 13\nshots: [a red coat]\n"
    messages = told(manuscript(tmp_path, text))
    assert len(messages) == MOST + 1
    left = len(strange) - MOST
    assert messages[-1][0].startswith(f"and {left} more words")
    assert all(word in messages[-1][0] for word in strange[MOST:])


def test_a_key_of_the_camera_is_told_once_as_it_is_written(tmp_path: Path) -> None:
    shot = "  - {prompt: a red coat, angle: low}\n"
    text = f"frames: 13\ncuts: [6]\nglobal: a red coat\nshots:\n{shot}{shot}"
    [(message, where, hint)] = told(manuscript(tmp_path, text))
    assert message == "nano was not taught 'angle: low'"
    assert where.startswith("film.yaml:5:")
    assert "holocine models info nano" in hint


def test_a_raw_prompt_is_read_without_its_markers(tmp_path: Path) -> None:
    raw = "[global caption] A red coat. [per shot caption] [character1] waves. [shot cut] A quay."
    text = f"prompt: '{raw}'\nframes: 13\ncuts: [6]\n"
    assert [message.split("'")[1] for message, *_ in told(manuscript(tmp_path, text))] == ["quay"]


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("red", True), ("stopped", True), ("coats", True), ("waved", True), ("danced", True),
        ("the", True), ("dune", True), ("crimson", False), ("bred", False), ("s", False),
    ],
)  # fmt: skip
def test_inflections_of_taught_words_are_known(word: str, known: bool) -> None:
    assert TAUGHT.knows(word) is known


def model_folder(tmp_path: Path, tiny: Path) -> Path:
    folder = tmp_path / "nano-taught"
    shutil.copytree(tiny, folder)
    return folder


def test_it_is_read_back_from_beside_the_tokenizer(tmp_path: Path, tiny: Path) -> None:
    folder = model_folder(tmp_path, tiny)
    assert read_vocabulary(find_model(str(folder))) is None
    write_vocabulary(folder / "tokenizer", TAUGHT)
    assert read_vocabulary(find_model(str(folder))) == TAUGHT


def test_a_damaged_file_is_named(tmp_path: Path, tiny: Path) -> None:
    folder = model_folder(tmp_path, tiny)
    path = folder / "tokenizer" / VOCABULARY_NAME
    for content in ({}, {"taught": 3, "words": [], "nearest": {}}):
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(InputError) as refused:
            read_vocabulary(find_model(str(folder)))
        assert refused.value.where == str(path)


def test_it_needs_no_torch() -> None:
    code = "import sys, holocine_core.plan.vocabulary_check; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
