"""What a file is by its first bytes, whatever it is called. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Sort = Literal["safetensors", "gguf", "zip", "pickle", "pointer", "page", "text", "empty", "other"]
FIRST_BYTES = 512

_SUFFIXES = {".safetensors": "safetensors", ".gguf": "gguf"}


@dataclass(frozen=True, slots=True)
class Mistaken:
    """What a file is where it is no weight file of its name, and what mends it."""

    what: str
    hint: str


def sort_of(path: Path) -> Sort:
    """By the first bytes of a file; OSError where it can't be read."""
    with path.open("rb") as file:
        raw = file.read(FIRST_BYTES).rstrip(b"\r\n")
    if not raw:
        return "empty"
    if raw.startswith(b"GGUF"):
        return "gguf"
    if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if raw.startswith(b"version https://git-lfs.github.com/spec/"):
        return "pointer"
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "page"
    if raw[:1] == b"\x80" and raw[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if len(raw) < FIRST_BYTES and raw.strip().isascii() and raw.decode("ascii").isprintable():
        return "text"
    return "safetensors" if raw[8:9] == b"{" else "other"


def mistaken(path: Path) -> Mistaken | None:
    """What a file is in place of the weights that its name promises; None where it may be those."""
    sort = sort_of(path)
    if sort == "empty":
        return Mistaken("it is empty", "fetch it again")
    if sort == "pointer":
        return Mistaken(
            "it is a git-lfs pointer, which stands for the file that was not fetched",
            "run `git lfs pull` in its repository, or fetch the file itself",
        )
    if sort == "page":
        return Mistaken(
            "it is a web page (HTML) saved under this name",
            "fetch the file itself: on the hub it is the address with /resolve/ in place of /blob/",
        )
    if sort == "text":
        said = path.read_bytes().decode("ascii").strip()
        return Mistaken(f"it is a line of text: {said:.80}", "fetch it again; see what refused it")
    promised = _SUFFIXES.get(path.suffix.lower(), "pickle")
    found = "pickle" if sort == "zip" else sort
    if found == "other" or found == promised:
        return None
    names = {
        "gguf": ("a GGUF file", ".gguf"),
        "safetensors": ("a safetensors file", ".safetensors"),
        "pickle": ("a torch file", ".pth"),
    }
    what, suffix = names[found]
    return Mistaken(
        f"it is {what} under another name", f"let its name end in {suffix}, or fetch it again"
    )
