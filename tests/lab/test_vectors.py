from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from holocine_cli.app import main
from holocine_core.errors import InputError
from holocine_core.lab.stage.caption import tell
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.words import NAMES, WORDS, words_in
from holocine_core.lab.words import vectors
from holocine_core.lab.words.likeness import drawn_to_taught, likest
from holocine_core.lab.words.taught import naming_words, shown_words, taught_phrases, taught_words
from holocine_core.lab.words.vectors import drawn_together, make_vectors, write_vectors
from holocine_core.lab.words.wordnet import WordNet, read_wordnet
from holocine_core.model.nano_net.text import WordVectors, read_vectors
from holocine_core.script.prompt import MARKERS, compose

pytestmark = pytest.mark.slow

NOUNS = """\
  1 A licence, which is indented.
00000001 07 n 01 colour 0 000 | what light has
00000002 07 n 02 red 0 redness 0 001 @ 00000001 n 0000 | the colour of blood
00000003 07 n 01 crimson 0 001 @ 00000002 n 0000 | a deep red
00000004 07 n 01 blue 0 001 @ 00000001 n 0000 | the colour of the sky
00000005 18 n 01 Red_Sea 0 001 @ 00000001 n 0000 | a sea
"""
VERBS = """\
00000001 38 v 02 run 0 race 0 001 + 00000004 n 0101 01 + 02 00 | move fast
"""
SENSES = """\
colour%1:07:00:: 00000001 1 9
red%1:07:00:: 00000002 1 6
redness%1:07:00:: 00000002 1 0
crimson%1:07:00:: 00000003 1 0
blue%1:07:00:: 00000004 1 5
run%2:38:00:: 00000001 1 3
race%2:38:00:: 00000001 2 0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("dict")
    files = {"data.noun": NOUNS, "data.verb": VERBS, "data.adj": "", "data.adv": ""}
    for name, text in {**files, "index.sense": SENSES}.items():
        (home / name).write_text(text, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def wordnet(folder: Path) -> WordNet:
    return read_wordnet(folder)


def test_neighbours_are_read_with_their_nearness(wordnet: WordNet) -> None:
    links = {(a, b): near for a, b, near in wordnet.links(wordnet.uses)}
    assert links["red", "redness"] == links["redness", "red"] == 1
    assert links["crimson", "red"] == pytest.approx(2**-0.5)
    assert links["run", "blue"] == 0.5, "derived words are half as near"
    assert not any(a == "race" and b == "blue" for a, b in links), "only run's first word is"
    assert ("red", "blue") not in links
    assert "red_sea" not in wordnet.uses


@pytest.mark.parametrize(
    ("word", "bases"),
    [("runs", ["run"]), ("running", ["run"]), ("raced", ["race"]), ("red", []), ("bus", [])],
)
def test_base_forms(wordnet: WordNet, word: str, bases: list[str]) -> None:
    assert wordnet.base_forms(word) == bases


def test_inflections_follow_the_kind_of_word(wordnet: WordNet) -> None:
    assert wordnet.inflections("run") == ("runs", "running", "runned")
    assert wordnet.inflections("race") == ("races", "racing", "raced")
    assert wordnet.inflections("crimson") == ("crimsons",)
    assert wordnet.inflections("unheard") == ()


def test_a_folder_without_the_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.noun"):
        read_wordnet(tmp_path)


def test_related_words_come_closer_and_others_stay(wordnet: WordNet) -> None:
    words = ["crimson", "red", "blue", "stranger"]
    start = F.normalize(torch.randn(4, 64, generator=torch.Generator().manual_seed(0)), dim=1)
    end = drawn_together(start, words, wordnet, rounds=50)
    before, after = start @ start.T, F.normalize(end, dim=1) @ F.normalize(end, dim=1).T
    assert after[0, 1] > before[0, 1] + 0.3
    assert after[0, 1] > after[0, 2] + 0.3
    assert torch.equal(end[3], start[3])
    again = drawn_together(start, words, wordnet, rounds=51)
    torch.testing.assert_close(again, end, atol=1e-5, rtol=0)


def test_a_word_never_taught_is_drawn_to_the_taught_one_it_is_likest_to(wordnet: WordNet) -> None:
    words = ("crimson", "red", "blue", "stranger", "colour", "races")
    rows = torch.eye(6)
    # By the vectors alone crimson would be blue.
    rows[0] = F.normalize(rows[0] + 0.8 * rows[1] + 0.9 * rows[2], dim=0)
    table = WordVectors(words, rows * 6**0.5)
    to = likest(table, wordnet, ["red", "blue", "race"], ["red", "blue", "colour"])
    assert to == {"crimson": "red"}, "strangers have none, taught words want none"
    moved = drawn_to_taught(table, to)
    assert torch.equal(moved.vectors[1:], table.vectors[1:])
    before, after = (F.normalize(one.vectors, dim=1) for one in (table, moved))
    assert after[0] @ after[1] > before[0] @ before[1] + 0.1
    assert after[0] @ after[1] > after[0] @ after[2]
    torch.testing.assert_close(moved.vectors.square().mean(1), torch.ones(6))


def test_only_taught_words_that_name_something_are_likened_to() -> None:
    naming = naming_words()
    assert naming <= taught_words()
    assert {"scarlet", "walks", "walking", "harbour", "close-up"} <= naming
    assert not naming & {"bright", "the", "cu", "CU", "deep"}


@pytest.fixture
def sentence_encoder(tmp_path: Path) -> Path:
    """A random BERT of all-MiniLM-L6-v2's kind whose vocabulary is in order of frequency."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    home = tmp_path / "encoder"
    home.mkdir()
    common = ["the", "of", "colour", "run", "running", "blue", "red"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *common, *"abcdefgimnorst-"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (home / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizerFast(str(home / "vocab.txt")).save_pretrained(home)
    (home / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(home)
    return home


def test_a_table_is_made_written_and_read(
    sentence_encoder: Path, wordnet: WordNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "COMMON", 2)
    table = make_vectors(sentence_encoder, wordnet, ["red", "rust-red"], size=6, width=4)
    assert table.words[:4] == ("red", "rust-red", "the", "of"), "shown ones, then frequent ones"
    assert len(set(table.words)) == 6
    torch.testing.assert_close(table.vectors.square().mean(1), torch.ones(6))
    write_vectors(table, tmp_path / "vectors.safetensors")
    back = read_vectors(tmp_path / "vectors.safetensors")
    assert (back.words, back.origin) == (table.words, table.origin)
    torch.testing.assert_close(back.vectors, table.vectors, atol=0.01, rtol=0.01)


def test_the_command_writes_what_a_recipe_takes(
    sentence_encoder: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "WIDTH", 8)
    size = len(shown_words()) + 20
    given: list[Any] = ["--encoder", sentence_encoder, "--wordnet", folder, "--size", size]
    assert main(["lab", "vectors", *map(str, given), "--out", str(tmp_path / "t")]) == 0
    table = read_vectors(tmp_path / "t/vectors.safetensors")
    assert shown_words() <= set(table.words)
    for name in ("tokenizer/tokenizer.json", "tokenizer/vocabulary.json"):
        assert (tmp_path / "t" / name).is_file()
    assert (tmp_path / "t/text_encoder/model.safetensors").is_file()


def test_captions_hold_only_taught_words() -> None:
    passed_over = {word for text in (*MARKERS, *NAMES) for word in words_in(text)}
    for seed in range(60):
        screenplay = tell(sample_scene(seed), random.Random(seed)).screenplay
        prompt = compose(screenplay, screenplay.scenes[0]).text
        assert set(words_in(prompt)) - passed_over <= taught_words(), prompt


def test_words_held_out_and_keys_never_drawn_are_in_the_table_but_not_taught() -> None:
    assert all(taught_phrases().values())
    entries = [words for field in WORDS.values() for words in field.values()]
    trained = {w for words in entries for phrase in words.train for w in words_in(phrase)}
    held_out = {w for words in entries for phrase in words.held_out for w in phrase.split()}
    new = {w.lower() for w in held_out if w.isalpha()} - trained
    assert len(new & taught_words()) < 0.1 * len(new), new & taught_words()
    assert new <= shown_words()
    never = {"orbits", "dutch", "handheld"}
    assert never & taught_words() == set()
    assert never <= shown_words()
