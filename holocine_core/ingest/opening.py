"""A film's file: opened for decoding, or refused with what stands in the way."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holocine_core.edit.process import GUARDS, url
from holocine_core.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first stream of pictures, as PyAV has them.

    Raises:
        InputError: There is no such file, or it is no film.
    """
    import av

    require_file(path)
    try:
        # As a URL: a name with a colon would else be read as one with a protocol.
        container = av.open(url(path), options=dict(GUARDS), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    with container:
        covers = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if not s.disposition & covers]
        if not streams:
            raise InputError("it holds no picture", where=printed(path), hint="give a film file")
        stream = streams[0]
        stream.thread_type = "AUTO"
        # A picture that is mended from its neighbours is no footage.
        stream.codec_context.options = {"err_detect": "explode"}
        yield container, stream


def unreadable(path: Path, error: BaseException) -> InputError:
    """That a file can't be read as a film, and why."""
    return InputError(
        f"it can't be read: {_reason(error)}",
        where=printed(path),
        hint="check that it is a complete film; make or fetch it again",
    )


def printed(path: Path) -> str:
    """A path as it can be printed: what is not UTF-8 becomes backslash escapes."""
    return str(path).encode(errors="backslashreplace").decode()


def require_file(path: Path) -> None:
    """Raises InputError unless a path leads to a file, by a name that ffmpeg takes."""
    try:
        str(path.absolute()).encode()
        mode = path.stat().st_mode
    except UnicodeEncodeError:
        raise InputError(
            "its path is not UTF-8", where=printed(path), hint="rename it, or its folder"
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            "the file does not exist", where=printed(path), hint="check the path"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"it can't be opened: {_reason(error)}", where=printed(path), hint="check the path"
        ) from None
    if stat.S_ISDIR(mode):
        raise InputError("this is a folder", where=printed(path), hint="name the films in it")
    if not stat.S_ISREG(mode):
        raise InputError(
            "this is no file, but a pipe or a device",
            where=printed(path),
            hint="save it as a file first: films are read more than once",
        )


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
