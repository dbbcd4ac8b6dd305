"""The hash a file was published with, where something beside it tells: what the hub's own client
notes of a download, a blob of its cache, a list of checksums. No torch, and nothing is fetched."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holocine_core.errors import InputError
from holocine_core.model.headers import whole_hash
from holocine_core.store.files import read_small

_DOWNLOADS = Path(".cache") / "huggingface" / "download"
"""Where the hub's client notes what it fetched into a folder, below that folder."""
_ABOVE = 5
"""Folders above a file in which such notes are looked for."""
_LISTS = ("SHA256SUMS", "SHA256SUMS.txt", "sha256sums.txt", "sha256sum.txt", "checksums.txt")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_GIT = re.compile(r"[0-9a-f]{40}")
_CHUNK = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a file has to be.

    Attributes:
        kind: SHA-256 of its content, or SHA-1 as git computes it of small files.
        digest: In hex.
        told_by: Who says so, in words.
    """

    kind: Literal["SHA-256", "git's SHA-1"]
    digest: str
    told_by: str

    def is_of(self, path: Path) -> bool:
        """Whether a file is that one; it is read to its end."""
        found = whole_hash(path) if self.kind == "SHA-256" else _git_hash(path)
        return found == self.digest


def published(path: Path) -> Published | None:
    """What is known beside a file of the hash it was published with; None where nothing is."""
    for look in (_of_download, _of_blob, _of_list):
        with suppress(OSError, ValueError, InputError):
            found = look(path)
            if found is not None:
                return found
    return None


def _of_download(path: Path) -> Published | None:
    """By the note of the hub's client: a commit, the file's hash, a time."""
    for home in list(path.parents)[:_ABOVE]:
        note = home / _DOWNLOADS / path.relative_to(home).with_name(f"{path.name}.metadata")
        if note.is_file():
            _commit, digest, *_ = read_small(note).decode("utf-8", "replace").splitlines()
            return _told(digest.strip(), "by the hub's note of the download")
    return None


def _of_blob(path: Path) -> Published | None:
    """By its name in the hub's cache, where the file is a link to it."""
    real = path.resolve()
    if not path.is_symlink() or real.parent.name != "blobs":
        return None
    return _told(real.name, "by its name in the hub's cache")


def _of_list(path: Path) -> Published | None:
    """By ``NAME.sha256`` or a list of checksums beside it, as sha256sum writes them."""
    alone = [path.with_name(f"{path.name}.sha256"), path.with_suffix(".sha256")]
    for told in [*alone, *(path.with_name(name) for name in _LISTS)]:
        if not told.is_file():
            continue
        for line in read_small(told).decode("utf-8", "replace").splitlines():
            digest, _, name = line.strip().partition(" ")
            name = name.strip().lstrip("*").removeprefix("./")
            if name == path.name or (not name and told in alone):
                return _told(digest.lower(), f"in {told.name}")
    return None


def _told(digest: str, by: str) -> Published | None:
    digest = digest.strip('"')
    if _SHA256.fullmatch(digest):
        return Published(kind="SHA-256", digest=digest.lower(), told_by=by)
    if _GIT.fullmatch(digest):
        return Published(kind="git's SHA-1", digest=digest, told_by=by)
    return None


def _git_hash(path: Path) -> str:
    """As git names a file's content: SHA-1 of a word, its length and itself."""
    found = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
