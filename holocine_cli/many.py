"""The options of those who make many films, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holocine_cli.options import one_of

MANY = "Many films"
"""Their panel of the help."""

Worker = Annotated[
    bool,
    typer.Option(
        "--worker",
        metavar="",
        help="Share the films with all workers of the folder, on any machines: each film is made "
        "once.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only every N-th film, from the I-th on: 1/3, 2/3, 3/3.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
FileList = Annotated[
    Path | None,
    typer.Option(
        "--files",
        metavar="LIST",
        help="A file that names screenplays, from the current folder, one a line; - is stdin.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="What a worker of --on works by, in place of its machine's own configuration.",
        hidden=True,
        show_default=False,
        rich_help_panel=MANY,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="End then and keep what is made: 07:00, 2026-12-24T07:00, or 90m from now.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="ENGINE",
        help="Have workers do it: local, ray, ray://HOST:PORT, or slurm.",
        show_default=False,
        autocompletion=one_of("local", "ray", "slurm"),
        rich_help_panel=MANY,
    ),
]
EngineSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        metavar="KEY=VALUE",
        help="A setting of it: workers, gpus, cpus; of slurm partition, time, account ... "
        "Repeatable.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
FleetOption = Annotated[
    str | None,
    typer.Option(
        "--fleet",
        metavar="N[xKIND]",
        help="What all films ask of so many machines: time, memory, disk. Such as 8, or 8xH200.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
TriesOption = Annotated[
    int | None,
    typer.Option(
        "--tries",
        metavar="N",
        min=1,
        help="With --worker: how often a film may fail by a machine's fault without coming on, 3.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        metavar="",
        help="With --worker: try films again that were given up.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
InOrder = Annotated[
    bool,
    typer.Option(
        "--in-order",
        metavar="",
        help="With --worker: in the order given; the longest films come first otherwise.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
