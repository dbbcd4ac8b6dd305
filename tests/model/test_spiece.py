"""A tokenizer that lies in a text encoder's file counts as the one beside it does."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import MachineError
from holocine_core.model.components import LocatedModel
from holocine_core.model.headers import content_hash
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.part_files import tokenizer_file
from holocine_core.model.pipeline import write_pipeline
from holocine_core.model.spiece import spiece_json
from holocine_core.model.spiece_file import spiece_bytes
from holocine_core.model.tiny import TINY
from tests.model.layouts import spiece

TEXTS = (
    "a lighthouse by the sea",
    "The  sea,\n a\tlighthouse; [shot cut] by the sea.",
    " a lighthouse ",
    "the cafe\u0301 by the sea \U0001f3ac 9",
    "lighthouselighthouse",
    "",
)
WORDS = ("a", "by", "the", "sea", "light")
LETTERS = "\u2581abcdefghijklmnopqrstuvw,.;[]T"


def proto(**normalizer: object) -> Any:
    """A SentencePiece model by its own schema, as transformers carries it."""
    from transformers.utils import sentencepiece_model_pb2_new as schema

    model = schema.ModelProto()
    for text, score, kind in (
        ("<pad>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2), ("<extra_id_0>", 0, 4),
        *((f"\u2581{word}", -2.0 - len(word) / 9, 1) for word in WORDS),
        *((piece, -5.5, 1) for piece in ("house", "ca", "fe", "lighthouse", "\u2581lighthouse")),
        *((letter, -9.0 - n / 50, 1) for n, letter in enumerate(LETTERS)),
        *((f"<0x{byte:02X}>", 0, 6) for byte in range(256)),
    ):  # fmt: skip
        model.pieces.add(piece=text, score=score, type=kind)
    model.trainer_spec.model_type = 1
    model.trainer_spec.unk_id = 2
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "nmt_nfkc"
    for name, value in normalizer.items():
        setattr(model.normalizer_spec, name, value)
    return model


def theirs(model: Any) -> Any:
    """transformers' own tokenizer of a SentencePiece model."""
    from transformers import T5Tokenizer

    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def ours(content: bytes, folder: Path) -> Any:
    path = folder / "spiece.model"
    path.write_bytes(content)
    files = tokenizer_file(path)
    return load_tokenizer(LocatedModel(spec=TINY, folder=folder, components={"tokenizer": files}))


def test_it_makes_the_tokens_that_transformers_makes(tmp_path: Path) -> None:
    model = proto()
    tokenizer, judge = ours(model.SerializeToString(), tmp_path), theirs(model)
    for text in TEXTS:
        assert tokenizer.encode(text).ids == judge(text).input_ids, text
    assert len(tokenizer.encode("a lighthouse").ids) == 3  # Its words and </s>.


def test_a_token_covers_its_own_characters(tmp_path: Path) -> None:
    encoded = ours(proto().SerializeToString(), tmp_path).encode("a lighthouse by")
    assert [encoded.offsets[n] for n in range(3)] == [(0, 1), (2, 12), (13, 15)]


def test_the_table_of_characters_goes_with_it() -> None:
    table = bytes(range(40))
    told = json.loads(spiece_json(proto(precompiled_charsmap=table).SerializeToString()))
    assert told["normalizer"]["type"] == "Precompiled"
    assert base64.b64decode(told["normalizer"]["precompiled_charsmap"]) == table


def test_it_is_read_out_of_the_text_encoder(tmp_path: Path) -> None:
    content = proto().SerializeToString()
    weights = {"a.weight": torch.ones(3), "spiece_model": torch.tensor(list(content)).byte()}
    path = tmp_path / "umt5_xxl_fp16.safetensors"
    save_file(weights, path)
    assert spiece_bytes(path) == content
    files = tokenizer_file(path)
    located = LocatedModel(spec=TINY, folder=tmp_path, components={"tokenizer": files})
    assert load_tokenizer(located).encode("a lighthouse").ids[-1] == 1
    # What the model is counts its tokenizer, not the weights around it.
    before = located.identity()["tokenizer"]
    save_file({**weights, "a.weight": torch.zeros(3)}, path)
    assert located.identity()["tokenizer"] == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no pieces"),
        (b"\x0a\xff", "cut short"),
        (spiece()[:-9], "cut short|no mark"),
        (b"<!doctype html>", "cut short|no SentencePiece"),
        (spiece() + b"\x12\x02\x18\x02", "no unigram"),
        (struct.pack("<Q", 9) * 9, "no text"),
    ],
)
def test_what_is_none_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=f"spiece.model is damaged: .*({says})"):
        ours(content, tmp_path)


def test_a_model_that_is_written_brings_it(tiny: Path, tmp_path: Path) -> None:
    content = proto().SerializeToString()
    (tmp_path / "spiece.model").write_bytes(content)
    located = find_model(str(tiny), outright={"tokenizer": tmp_path / "spiece.model"})
    assert located.resolved
    write_pipeline(located, tmp_path / "written")
    again = find_model(str(tmp_path / "written"))
    for text in TEXTS:
        assert load_tokenizer(again).encode(text).ids == load_tokenizer(located).encode(text).ids
    name = "transformer/diffusion_pytorch_model.safetensors"
    assert content_hash(tmp_path / "written" / name) == content_hash(tiny / name)
    assert load_file(tmp_path / "written" / name)
