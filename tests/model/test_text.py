from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, UMT5EncoderModel

from holocine_core.errors import InputError
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.locate import load_tokenizer
from holocine_core.model.nano_net.text import (
    WordVectors,
    nearest_words,
    read_vectors,
    write_text_parts,
)
from holocine_core.model.nano_net.tokenizer import TAGS
from holocine_core.model.spec import MODELS
from holocine_core.script.prompt import CUT, GLOBAL, PER_SHOT, token_ranges

WORDS = ("red", "crimson", "blue", "harbour", "waves", "dance", "the", "close", "up", "close-up")
PROMPT = (
    f"{GLOBAL} A Red harbour, [character1] is {{Zoë}}. This scene contains 2 shots. "
    f"{PER_SHOT} Close-up: [character1] waves (twice). {CUT} The harbour's blüe, 12 balloons ☂."
)


@pytest.fixture(scope="module")
def table() -> WordVectors:
    rows = torch.randn(len(WORDS), 32, generator=torch.Generator().manual_seed(3))
    rows[1] = rows[0] + 0.3 * rows[1]
    return WordVectors(WORDS, rows / rows.square().mean(1, keepdim=True).sqrt())


@pytest.fixture(scope="module")
def folder(table: WordVectors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("text")
    write_text_parts(out, table, {"colours": ["red", "blue"]}, ["red", "blue", "the"])
    return out


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    path = folder / "tokenizer" / "tokenizer.json"
    files = ComponentFiles(name="tokenizer", form="diffusers", paths=(path,))
    located = LocatedModel(spec=MODELS["nano"], folder=folder, components={"tokenizer": files})
    return load_tokenizer(located)


def cut_up(tokenizer: Any, text: str) -> list[str]:
    """The text of every token, by its offsets."""
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    return [text[start:stop] for start, stop in offsets]


def test_every_token_points_at_its_own_text(tokenizer: Any) -> None:
    encoding = tokenizer.encode(PROMPT, add_special_tokens=False)
    end = 0
    for piece, (start, stop) in zip(encoding.tokens, encoding.offsets, strict=True):
        assert start <= stop <= len(PROMPT)
        assert PROMPT[end:start].strip() == "" or start < end, "text between two tokens is lost"
        end = max(end, stop)
        plain = piece.removeprefix("\u2581")
        if plain and not plain.startswith("<0x"):
            shown = PROMPT[start:stop].lower().replace("ë", "e").replace("ü", "u")
            assert shown == plain
    assert end == len(PROMPT)


def test_nothing_but_case_and_accents_is_lost(tokenizer: Any) -> None:
    text = "An unheard-of word: 見 & Zyxw's 3.5 ☂"
    back = tokenizer.decode(tokenizer.encode(text).ids)
    assert back.replace(" ", "") == text.lower().replace(" ", "")


@pytest.mark.parametrize("tag", TAGS)
def test_parts_of_the_prompt_form_are_one_token(tokenizer: Any, tag: str) -> None:
    assert cut_up(tokenizer, f"red {tag} red") == ["red", tag, "red"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Red, RED.", ["Red", ",", "RED", "."]),
        ("a close-up", ["a", "close-up"]),
        ("close-ups up-close", ["close", "-", "up", "s", "up", "-", "close"]),
        ("waves dances dancing", ["waves", "dance", "s", *"danc", "ing"]),
        ("241", ["2", "4", "1"]),
        ("zq", ["z", "q"]),
    ],
)
def test_words_are_whole_and_others_fall_apart(
    tokenizer: Any, text: str, pieces: list[str]
) -> None:
    found = [piece for piece in cut_up(tokenizer, text) if piece]
    assert found == pieces


def test_the_parts_of_a_prompt_get_their_own_tokens(tokenizer: Any) -> None:
    encoding = tokenizer.encode(PROMPT)
    ranges = token_ranges(PROMPT, encoding.offsets)
    parts = []
    for span in (ranges.global_, *ranges.shots):
        offsets = encoding.offsets[span.start : span.stop]
        parts.append(PROMPT[offsets[0][0] : offsets[-1][1]])
    first, second = PROMPT.split(CUT)
    caption, shot = first.split(PER_SHOT)
    assert parts == [caption.strip(), f"{PER_SHOT}{shot}{CUT}", second.strip()]


def test_one_end_token_and_no_other_is_added(tokenizer: Any) -> None:
    ids = tokenizer.encode("red").ids
    assert [tokenizer.id_to_token(i) for i in ids] == ["\u2581red", "</s>"]


def test_transformers_reads_it_the_same_way(folder: Path, tokenizer: Any) -> None:
    fast = AutoTokenizer.from_pretrained(folder / "tokenizer")
    assert fast(PROMPT)["input_ids"] == tokenizer.encode(PROMPT).ids
    assert (fast.eos_token, fast.pad_token_id) == ("</s>", 0)


def test_the_encoder_begins_as_its_table(folder: Path, table: WordVectors, tokenizer: Any) -> None:
    encoder = UMT5EncoderModel.from_pretrained(folder / "text_encoder").eval()
    ids = tokenizer.encode("crimson close-up blue", add_special_tokens=False).ids
    with torch.no_grad():
        hidden = encoder(input_ids=torch.tensor([ids])).last_hidden_state[0]
    rows = table.vectors[[WORDS.index(word) for word in ("crimson", "close-up", "blue")]]
    torch.testing.assert_close(hidden.float(), rows, atol=0.03, rtol=0)
    assert encoder.config.dropout_rate == 0
    assert encoder.config.vocab_size == len(encoder.shared.weight) > max(ids)


def test_its_heads_begin_by_looking_to_either_side(folder: Path) -> None:
    encoder = UMT5EncoderModel.from_pretrained(folder / "text_encoder").eval()
    for block in encoder.encoder.block:
        table = block.layer[0].SelfAttention
        left, right, near, everywhere = table.compute_bias(41, 41)[0, :, 20].detach().float()
        assert left[19] > left[10] > left[2] > left[21]
        assert right[21] > right[30] > right[38] > right[19]
        assert near[19] == near[21] > near[30] == near[10]
        assert len(everywhere.unique()) == 1


def test_the_same_seed_writes_the_same_files(table: WordVectors, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_text_parts(tmp_path / name, table, {}, [], seed=seed)
    assert torch.equal(torch.get_rng_state(), state)
    a, b, c = ((tmp_path / name / "text_encoder/model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_near_words_are_told_and_far_ones_are_not(table: WordVectors) -> None:
    assert nearest_words(table, ["red", "blue"]) == {"crimson": "red"}
    assert nearest_words(table, []) == {}


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.safetensors"
    with pytest.raises(InputError, match="word vectors"):
        read_vectors(path)
    path.write_text(json.dumps({}))
    with pytest.raises(InputError, match="word vectors"):
        read_vectors(path)
