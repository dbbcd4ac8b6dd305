"""GGUF and torch files altered where it hurts: what their headers say, and which records they
have."""

from __future__ import annotations

import io
import random
import struct
import zipfile

from holocine_core.model.gguf_header import BLOCKS, READABLE

NUMBERS = (0, 1, 2, 3, 7, 255, 2**16, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)


def gguf_file(raw: bytes, chance: random.Random) -> bytes:
    """One number or text of the header another one, or two tensors exchanged."""
    places = _places(raw)
    if chance.random() < 0.15:
        one, other = chance.sample([place for place in places if place.what == "name"], 2)
        if one.stop - one.start == other.stop - other.start:
            return _put(
                _put(raw, one, raw[other.start : other.stop]), other, raw[one.start : one.stop]
            )
    place = chance.choice(places)
    size = place.stop - place.start
    if place.what == "name":
        text = chance.choice((b"x" * size, b"\xff" * size, raw[place.start : place.stop].upper()))
        return _put(raw, place, text)
    was = int.from_bytes(raw[place.start : place.stop], "little")
    usual = (was + 1, max(0, was - 1), was * 2, was // 2, was + 32, was ^ 1)
    kinds = [number for number, (name, *_) in BLOCKS.items() if name in READABLE]
    number = chance.choice((*usual, *NUMBERS, *(kinds if place.what == "kind" else ())))
    return _put(raw, place, (number % 256**size).to_bytes(size, "little"))


class _Place:
    """Of something in a header."""

    def __init__(self, what: str, start: int, stop: int) -> None:
        self.what, self.start, self.stop = what, start, stop


def _put(raw: bytes, place: _Place, content: bytes) -> bytes:
    return raw[: place.start] + content + raw[place.stop :]


def _places(raw: bytes) -> list[_Place]:
    """What of a GGUF header can be altered, in a file without lists among its keys."""
    tensors, keys = struct.unpack_from("<QQ", raw, 8)
    found = [_Place("version", 4, 8), _Place("count", 8, 16), _Place("count", 16, 24)]
    at = 24
    for _ in range(keys):
        at = _named(raw, at, found)
        (kind,) = struct.unpack_from("<I", raw, at)
        found.append(_Place("type", at, at + 4))
        at += 4
        at = _named(raw, at, found) if kind == 8 else at + {4: 4, 5: 4, 10: 8}.get(kind, 1)
    for _ in range(tensors):
        at = _named(raw, at, found)
        (dimensions,) = struct.unpack_from("<I", raw, at)
        found.append(_Place("dimensions", at, at + 4))
        at += 4
        found += [_Place("side", at + 8 * i, at + 8 * i + 8) for i in range(dimensions)]
        at += 8 * dimensions
        found += [_Place("kind", at, at + 4), _Place("offset", at + 4, at + 12)]
        at += 12
    return found


def _named(raw: bytes, at: int, found: list[_Place]) -> int:
    (length,) = struct.unpack_from("<Q", raw, at)
    found += [_Place("length", at, at + 8), _Place("name", at + 8, at + 8 + length)]
    return int(at + 8 + length)


def torch_file(raw: bytes, chance: random.Random) -> bytes:
    """A record less, shorter, longer or under another name, or an opcode another one."""
    with zipfile.ZipFile(io.BytesIO(raw)) as records:
        held = {one.filename: records.read(one) for one in records.infolist()}
    names = list(held)
    listing = next(name for name in names if name.endswith("data.pkl"))
    packing = zipfile.ZIP_STORED
    match chance.randrange(7):
        case 0:
            del held[chance.choice(names)]
        case 1:
            name = chance.choice(names)
            held[name] = chance.choice((held[name][:-1], held[name] + b"\0", b"", held[name] * 2))
        case 2:
            name = chance.choice(names)
            held[chance.choice((f"{name}x", "x", name.upper()))] = held.pop(name)
        case 3:
            packing = zipfile.ZIP_DEFLATED
        case _:
            code = bytearray(held[listing])
            for _ in range(chance.choice((1, 1, 2, 4))):
                code[chance.randrange(len(code))] = chance.choice((0, 1, 255, *b"Kq.Rcbtu}()h"))
            held[listing] = bytes(code)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as records:
        for name, content in held.items():
            records.writestr(name, content)
    return made.getvalue()
