"""What goes before a profile's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from holocine_cli import options as opt

Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        metavar="N",
        help="Denoising steps, in place of the profile's: 1 to 200.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        "--guidance",
        metavar="X",
        help="Pull of the prompt, in place of the profile's: 1 to 30.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
FrameSize = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Size of the picture as it is generated, of a draft too: 832x480.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class SettingsAsked:
    """What goes before a profile's settings."""

    steps: Steps = None
    guidance: Guidance = None
    size: FrameSize = None

    def of_settings(self) -> dict[str, Any]:
        """The same, as a request calls it."""
        return {"steps": self.steps, "guidance": self.guidance, "size": self.size}
