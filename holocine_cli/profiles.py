"""What goes before a profile's settings, and profiles of one's own as words of a command line: so a
worker gets those of whoever starts it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.api import OwnProfile


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
OwnProfiles = Annotated[
    list[str] | None,
    typer.Option(
        "--own-profile",
        metavar="NAME=JSON",
        help="A profile of one's own as whoever started this worker has it. Repeatable.",
        hidden=True,
        rich_help_panel=opt.WHAT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class SettingsAsked:
    """What goes before a profile's settings."""

    steps: Steps = None
    guidance: Guidance = None
    size: FrameSize = None
    own_profile: OwnProfiles = None

    def of_settings(self) -> dict[str, Any]:
        """The same, as a request calls it.

        Raises:
            InputError: A profile that was handed on is none.
        """
        return {
            "steps": self.steps,
            "guidance": self.guidance,
            "size": self.size,
            "profiles": own_profiles_of(self.own_profile or ()),
        }


def own_profile_words(profiles: Mapping[str, OwnProfile]) -> list[str]:
    """The options that hand profiles on; back by :func:`own_profiles_of`."""
    return [
        word
        for name, profile in profiles.items()
        for word in ("--own-profile", f"{name}={json.dumps(profile.record())}")
    ]


def own_profiles_of(told: Sequence[str]) -> dict[str, OwnProfile]:
    """Profiles by name, each told as ``NAME=JSON``.

    Raises:
        InputError: One is none.
    """
    from holocine_core.api import OwnProfile

    found = {}
    for one in told:
        name, _, text = one.partition("=")
        try:
            found[name] = OwnProfile.model_validate(json.loads(text))
        except ValueError as error:  # Of JSON, and of pydantic.
            raise InputError(
                f"'{name}' is no profile that was handed on: {str(error).splitlines()[0]}",
                where="--own-profile",
                hint="profiles of your own belong into a configuration file",
            ) from None
    return found
