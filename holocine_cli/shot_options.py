"""What `reshoot` may change about a shot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.api import ShotChange


def _words(name: str) -> Callable[[str], list[str]]:
    """Completions of a shot's size, angle or movement."""

    def complete(incomplete: str) -> list[str]:
        from holocine_core import api

        return [word for word in api.SHOT_WORDS[name] if word.startswith(incomplete)]

    return complete


Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        metavar="TEXT",
        help="What the shot shows now; as before where left out, like all of these.",
        show_default=False,
    ),
]
ShotSize = Annotated[
    str | None,
    typer.Option(
        "--shot-size",
        metavar="SIZE",
        help="How much it shows, such as close-up or wide; none takes the size away.",
        show_default=False,
        autocompletion=_words("size"),
    ),
]
# On other commands `--size` is the picture's; who types it here means the shot's.
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="SIZE", help="As --shot-size.", show_default=False, hidden=True),
]
Angle = Annotated[
    str | None,
    typer.Option(
        "--angle",
        metavar="ANGLE",
        help="Camera angle, such as low or overhead; none takes it away.",
        show_default=False,
        autocompletion=_words("angle"),
    ),
]
Movement = Annotated[
    str | None,
    typer.Option(
        "--movement",
        metavar="MOVE",
        help='Camera movement, such as static or "push in"; none takes it away.',
        show_default=False,
        autocompletion=_words("movement"),
    ),
]
Seconds = Annotated[
    str | None,
    typer.Option(
        "--seconds",
        metavar="S",
        help="Its length, 2 or 2s; the nearest multiple of four frames is taken (of a first shot, "
        "plus 1).",
        show_default=False,
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        "--frames",
        metavar="N",
        help="Its length in frames; instead of --seconds.",
        show_default=False,
    ),
]


def _seconds(text: str) -> float | str:
    """A number as one; what has its unit, as a screenplay may write it, is read with the rest."""
    with contextlib.suppress(ValueError):
        return float(text)
    return text


@dataclass(frozen=True, kw_only=True)
class NewShot:
    """What of a shot is another now."""

    prompt: Prompt = None
    shot_size: ShotSize = None
    size: Size = None
    angle: Angle = None
    movement: Movement = None
    seconds: Seconds = None
    frames: Frames = None

    def change(self) -> ShotChange:
        """The same, as the core calls it.

        Raises:
            InputError: Two options say the same.
        """
        if self.size is not None and self.shot_size is not None:
            raise InputError("--size is --shot-size here", hint="give one of the two")
        if self.seconds is not None and self.frames is not None:
            raise InputError("--seconds and --frames do not go together", hint="drop one")
        return {
            "prompt": self.prompt,
            "size": self.shot_size or self.size,
            "angle": self.angle,
            "movement": self.movement,
            "seconds": None if self.seconds is None else _seconds(self.seconds),
            "frames": self.frames,
        }
