"""A SentencePiece tokenizer -> the tokenizers library's, without the package sentencepiece.

ComfyUI's text encoders carry the file as a tensor of bytes, Wan's releases have it beside
tokenizer.json. Its format is a protocol buffer of few fields; what UMT5 has is a unigram model with
a table of characters to replace. Sources: Kudo and Richardson, arXiv 1808.06226, and the fields'
numbers of sentencepiece_model.proto. No torch here.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

_UNIGRAM = 1
_USUAL, _CONTROL, _GIVEN = 1, 3, 4
"""Types of pieces that are never split: marks of the model's own, and words that it was given."""
START = "\u2581"
"""What stands for the space before a word."""
_SPACES = {
    "type": "Metaspace", "replacement": START, "prepend_scheme": "always", "split": True,
}  # fmt: skip


def spiece_json(content: bytes) -> str:
    """The same as a ``tokenizer.json``: UMT5's, with ``</s>`` at the end of a text.

    Raises:
        ValueError: It is no unigram model, or is damaged.
    """
    pieces, trainer, normalizer = _read(content)
    if trainer.get(3, _UNIGRAM) != _UNIGRAM:
        raise ValueError("it is no unigram model")
    vocabulary = [(piece, score) for piece, score, _ in pieces]
    known = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    if "</s>" not in known:
        raise ValueError("it has no mark for the end of a text")
    added = [
        {
            "id": number, "content": piece, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": kind == _CONTROL,
        }
        for number, (piece, _, kind) in enumerate(pieces)
        if kind in (_CONTROL, _GIVEN)
    ]  # fmt: skip
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": _normalizer(normalizer.get(2)),
            # Splitting first keeps spaces out of the offsets: a token covers its own characters.
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{"type": "WhitespaceSplit"}, _SPACES],
            },
            "post_processor": _ending(known["</s>"]),
            "decoder": _SPACES,
            # Characters without a piece are unknown ones, as transformers' UMT5 has it, whatever
            # bytes the list holds: Wan was trained so.
            "model": {
                "type": "Unigram", "unk_id": trainer.get(40, 0), "vocab": vocabulary,
                "byte_fallback": False,
            },
        },
        ensure_ascii=False,
    )  # fmt: skip


def _normalizer(replaced: object) -> dict[str, str] | None:
    """What replaces characters before a text is split."""
    if not isinstance(replaced, bytes) or not replaced:
        return None
    table = base64.b64encode(replaced).decode("ascii")
    return {"type": "Precompiled", "precompiled_charsmap": table}


def _ending(number: int) -> dict[str, Any]:
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
        "pair": [
            {"Sequence": {"id": "A", "type_id": 0}}, end,
            {"Sequence": {"id": "B", "type_id": 0}}, end,
        ],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [number], "tokens": ["</s>"]}},
    }  # fmt: skip


_Fields = dict[int, Any]


def _read(content: bytes) -> tuple[list[tuple[str, float, int]], _Fields, _Fields]:
    """Pieces with their scores and types; the trainer's and the normalizer's settings."""
    pieces = list[tuple[str, float, int]]()
    trainer, normalizer = _Fields(), _Fields()
    for number, value in _fields(content):
        if number == 1 and isinstance(value, bytes):
            pieces.append(_piece(dict(_fields(value))))
        elif number == 2 and isinstance(value, bytes):
            trainer = dict(_fields(value))
        elif number == 3 and isinstance(value, bytes):
            normalizer = dict(_fields(value))
    if not pieces:
        raise ValueError("it holds no pieces")
    return pieces, trainer, normalizer


def _piece(told: Mapping[int, int | bytes]) -> tuple[str, float, int]:
    text, score, kind = told.get(1), told.get(2, b"\0\0\0\0"), told.get(3, _USUAL)
    if not isinstance(text, bytes) or not isinstance(kind, int):
        raise ValueError("a piece has no text")
    if not isinstance(score, bytes) or len(score) != 4:
        raise ValueError("a piece has no score")
    return text.decode("utf-8"), struct.unpack("<f", score)[0], kind


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields, in their order."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            length, at = _varint(content, at)
        if length is None or at + length > len(content):
            raise ValueError("it is cut short or no SentencePiece file")
        yield number, content[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            raise ValueError("it is cut short or no SentencePiece file")
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is cut short or no SentencePiece file")
