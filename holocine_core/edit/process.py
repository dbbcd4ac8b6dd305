"""One ffmpeg process: started, drained, waited for, killed. Used by the rest of this room only.

Every ffmpeg runs in its own session, so a Ctrl-C reaches only the caller, who decides. Every long
run hangs on a pipe of the caller's, so ffmpeg ends when the caller dies, however it dies.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import IO

from holocine_core.edit.standstill import Watch
from holocine_core.edit.unknown_length import length_unknown
from holocine_core.errors import MachineError

_QUIET = ("-nostdin", "-hide_banner", "-nostats", "-loglevel")
DISK_FULL = "No space left on device"
_ERRORS_KEPT = 1000
_NAMED_BY = "IMAGEIO_FFMPEG_EXE"
_GRAVE = ("panic", "fatal", "error")
# One line of ffmpeg's log: contexts, level, text.
_LINE = re.compile(r"(?:\[[^]]* @ [^]]*\] )*\[(panic|fatal|error|warning|info)\] (.*)")


def ffmpeg_exe() -> str:
    """Path of the ffmpeg in use: ``IMAGEIO_FFMPEG_EXE``, or imageio-ffmpeg's own."""
    from imageio_ffmpeg import get_ffmpeg_exe

    try:
        return str(get_ffmpeg_exe())
    except RuntimeError as missing:
        raise MachineError(
            "no ffmpeg was found",
            hint="reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an ffmpeg",
        ) from missing


def url(path: Path) -> str:
    """A path as ffmpeg reads it literally, whatever dashes, colons or percent signs it holds."""
    return f"file:{path.absolute()}"


FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,mxf,nut,flv,asf,rm,gxf,dv,ivf,obu,av1,h264,hevc,m4v,"
    "mjpeg,yuv4mpegpipe,gif,apng,ogg,wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,au,amr,ape,tta,wv,dts,"
    "truehd"
)
"""Containers that hold all that they play. Playlists and lists (hls, dash, concat, image sequences)
name other files, which no fingerprint covers and nobody gave. ffmpeg tells them by content, however
they are called: only what is listed here is read."""
GUARDS = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS}
"""What is let in, as ffmpeg and PyAV are told for each file that they open."""


def source(path: Path) -> list[str]:
    """The options that open a film or sound file: that one alone, and by its content."""
    guards = [word for name, value in GUARDS.items() for word in (f"-{name}", value)]
    return [*guards, "-i", url(path)]


def strict(path: Path) -> list[str]:
    """The option by which ffmpeg gives up at the first fault of a file.

    Where a sound's header does not know its length, ffmpeg takes the last of it for damaged; what
    is left of such a file then says nothing of whether it is whole.
    """
    return [] if length_unknown(path) else ["-xerror"]


class Run:
    """One ffmpeg process whose stderr is drained while it works."""

    def __init__(self, args: Sequence[str], *, level: str = "error", feed: bool = False) -> None:
        exe = ffmpeg_exe()
        self._lines: deque[str] = deque(maxlen=100_000)
        self._errors: list[str] = []
        try:
            command = [exe, *_QUIET, f"level+{level}", *args]
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as failed:
            raise MachineError(
                f"ffmpeg does not start: {failed.strerror}",
                where=f"{_NAMED_BY}={exe}" if os.environ.get(_NAMED_BY) else exe,
                hint=f"reinstall imageio-ffmpeg, or set {_NAMED_BY} to a working ffmpeg",
            ) from failed
        self._drain = Thread(target=self._read_log, daemon=True)
        self._drain.start()
        self._watch = Watch(self.process, command)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            told = _LINE.fullmatch(line)
            self._lines.append(told[2] if told else line)
            if told and told[1] in _GRAVE and len(self._errors) < _ERRORS_KEPT:
                self._errors.append(told[2])

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> BufferedReader:
        assert isinstance(self.process.stdout, BufferedReader)
        return self.process.stdout

    def waited(self) -> AbstractContextManager[None]:
        """Around whatever waits for ffmpeg: where it stands still meanwhile it is ended, and what
        waits for it fails as if it had died. :meth:`wait` then says so."""
        return self._watch.waiting()

    def wait(self) -> int:
        """The exit code. Raises MachineError where it stood still and was ended."""
        with self.waited():
            code = self._joined()
        self._watch.require_alive()
        return code

    def _joined(self) -> int:
        code = self.process.wait()
        self._drain.join()
        self._watch.end()
        return code

    def wait_reading(self, path: Path) -> int:
        """As ``wait``, for one that reads ``path``. Raises MachineError where a signal ended it:
        that says nothing of the file."""
        code = self.wait()
        if code < 0:
            raise MachineError(
                f"ffmpeg was killed by signal {-code} while it read",
                where=str(path),
                hint="if memory ran out, free some; then run the same command again",
            )
        return code

    def kill(self) -> None:
        """End the process now and release its pipes."""
        self.process.kill()
        # Pipes first: behind a wrapper script the real ffmpeg outlives the kill until they close.
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # unsent bytes of a process that is gone
                    pipe.close()
        self._joined()
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def log(self) -> str:
        """The last lines of the log, without contexts and levels."""
        return "\n".join(self._lines)

    @property
    def reason(self) -> str:
        """The line of the log that names the cause: a full disk, else the first error."""
        full = [line for line in self._errors if DISK_FULL in line]
        lines = [line for line in self._lines if line.strip()]
        return (full or self._errors or lines[-1:] or [f"exit code {self.process.returncode}"])[0]
