"""ffmpeg, called once for each question: the same command with the same inputs has the same answer,
which is what later calls get. Its processes were most of what a small film costs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from holocine_core.edit import process

_REAL = subprocess.Popen
_PLACES = re.compile(r"file:\S*/")


class _Ear(io.BytesIO):
    """Takes what is piped into a process, which begins when all is said."""

    def __init__(self, owner: Remembered) -> None:
        super().__init__()
        self._owner = owner

    def close(self) -> None:
        if not self.closed:
            fed = self.getvalue()
            super().close()
            self._owner.answer(fed)


class Remembered:
    """A process of ffmpeg, as far as ``edit.process`` uses one."""

    def __init__(self, args: Sequence[str], stdin: int, stdout: int, **others: Any) -> None:
        self.args, self.returncode, self.pid = args, None, os.getpid()
        self._out = Path(args[-1].removeprefix("file:")) if "-y" in args else None
        # It's no process, but would be one: whoever listens is told.
        sys.audit("subprocess.Popen", args[0], list(args), None, None)
        self._failed = self._written(b"")
        heard, self._voice = os.pipe()
        self.stderr = os.fdopen(heard, "rb")
        self.stdin = _Ear(self) if stdin == subprocess.PIPE else None
        self.stdout: Any = None
        if self.stdin is None:
            self.answer(b"")

    def answer(self, fed: bytes) -> None:
        """What it does in the end."""
        if self.returncode is not None:
            return
        folder = _home() / self._question(fed)
        if not folder.exists():
            self._ask(fed, folder)
        told = json.loads((folder / "told").read_text())
        said = (folder / "stderr").read_bytes()
        if not self._failed and (folder / "out").exists():
            self._failed = self._written((folder / "out").read_bytes())
        self.returncode = 1 if self._failed else told["code"]
        with os.fdopen(self._voice, "wb") as voice:
            voice.write(self._failed or said)
        if self.stdin is None:
            self.stdout = (folder / "stdout").open("rb")

    def _written(self, data: bytes) -> bytes:
        """Writes its file; what ffmpeg says where that fails."""
        try:
            if self._out is not None:
                self._out.write_bytes(data)
        except OSError as error:
            return f"Error opening output file: {error.strerror}\n".encode()
        return b""

    def _question(self, fed: bytes) -> str:
        digest = hashlib.sha256(fed)
        before = ""
        for word in self.args:
            path = Path(word.removeprefix("file:"))
            if before == "-i" and path.is_file():
                digest.update(path.read_bytes())
            digest.update(_PLACES.sub("", word).encode() + b"\0")
            before = word
        return digest.hexdigest()[:32]

    def _ask(self, fed: bytes, folder: Path) -> None:
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        part.mkdir()
        asked = list(self.args)
        if self._out is not None:
            asked[-1] = f"file:{part / 'made'}{self._out.suffix}"
        done = subprocess.run(asked, input=fed, capture_output=True)
        for name, value in (("stdout", done.stdout), ("stderr", done.stderr)):
            (part / name).write_bytes(value)
        for made in part.glob("made*"):
            made.rename(part / "out")
        (part / "told").write_text(json.dumps({"code": done.returncode}))
        with contextlib.suppress(OSError):  # Another was faster.
            part.rename(folder)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            self.returncode = -9
            os.close(self._voice)


_homes: list[Path] = []


def _home() -> Path:
    return _homes[-1]


@contextlib.contextmanager
def remembering(folder: Path) -> Iterator[None]:
    """Meanwhile answers are kept in a folder, and taken from there."""
    folder.mkdir(parents=True, exist_ok=True)
    _homes.append(folder)
    told = SimpleNamespace(**{**vars(subprocess), "Popen": Remembered})
    with patch.object(process, "subprocess", told):
        yield
    _homes.pop()
