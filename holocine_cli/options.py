"""Every option that several commands share, declared once: it means the same thing everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

WHAT, COMPARE, WHERE, TALK = "What to make", "What to compare by", "Machine", "Output"
"""Panels of the help."""


def model_names(incomplete: str) -> list[tuple[str, str]]:
    """Completions of ``--model``."""
    from holocine_core import api

    known = {**api.model_summaries(), **api.added_models()}
    return [(name, summary) for name, summary in known.items() if name.startswith(incomplete)]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Completions of an option that takes one of some words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def _seed_in_range(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed < 2**63:
        raise typer.BadParameter("a seed is a whole number from 0 to 9223372036854775807")
    return seed


Sources = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE|FOLDER",
        help="Screenplays in YAML, or folders of them; - is one from stdin.",
        show_default=False,
    ),
]
OneScreenplay = Annotated[
    Path, typer.Argument(metavar="FILE", help="A screenplay in YAML.", show_default=False)
]

Film = Annotated[Path, typer.Argument(metavar="FILM", help="A film made by holocine.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The film; FILE.mp4 in this folder where left out, - is stdout. Of several: "
        "films/{stem}.mp4; {folder}, {title}, {profile}, {seed} and {date} go too.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
DraftOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The draft; FILE.preview.mp4 in this folder where left out. Names and fields as of "
        "render; with --seeds NAME-1.mp4, NAME-2.mp4 ...",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
OutDir = Annotated[
    Path | None,
    typer.Option(
        "--out-dir",
        metavar="DIR",
        help="Folder for the films, each named after its screenplay.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="draft, standard, final, or a profile of your own; the screenplay's where left out.",
        show_default=False,
        autocompletion=one_of("draft", "standard", "final"),
        rich_help_panel=WHAT,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Seed of the scenes that have none of their own.",
        callback=_seed_in_range,
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
AllowOutside = Annotated[
    bool,
    typer.Option(
        "--allow-outside",
        metavar="",
        help="Take pictures and sounds from outside the screenplay's folder too.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
FromDraft = Annotated[
    int | None,
    typer.Option(
        "--from-draft",
        metavar="N",
        min=1,
        help="Make the film from this draft of `preview --seeds`: 1 is the usual preview.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        metavar="",
        help="Again whenever the screenplay is saved, until Ctrl-C.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        max=8,
        help="Drafts of so many seeds, one higher each.",
        rich_help_panel=WHAT,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model of `holocine models list`, or a folder.",
        show_default=False,
        autocompletion=model_names,
        rich_help_panel=WHAT,
    ),
]
ExpertHigh = Annotated[
    Path | None,
    typer.Option(
        "--expert-high",
        metavar="FILE",
        help="The high-noise expert's file, in place of the model's own.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
ExpertLow = Annotated[
    Path | None,
    typer.Option(
        "--expert-low",
        metavar="FILE",
        help="The low-noise expert's file, in place of the model's own.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Lora = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        metavar="FILE:WEIGHT:EXPERT",
        help="A LoRA over the screenplay's; WEIGHT and EXPERT (high, low, both) may be left "
        "out: 1, and as the file's name says. Repeatable.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Shots = Annotated[
    Path | None,
    typer.Option(
        "--shots",
        metavar="DIR",
        help="Also write every shot as a clip, as the film is delivered: DIR/FILM/SCENE-NN.mp4.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Storyboard = Annotated[
    bool,
    typer.Option(
        "--storyboard",
        metavar="",
        help="Also draw a storyboard: FILM.storyboard.png.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Otio = Annotated[
    bool,
    typer.Option(
        "--otio",
        metavar="",
        help="Also write its shots as clips for editors: FILM.otio (see export).",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        metavar="",
        help="Replace what is in the way.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar="",
        help="Show the plan and make nothing, as `holocine plan` does.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        metavar="",
        help="End as a render would before its first step: with 2 or 3 where it could not begin, "
        "with 4 where several films end differently. With -q: a line for each film.",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]

Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:1 ...; to plan with, cuda:24gb: a GPU of so much memory, which "
        "need not be there.",
        autocompletion=one_of("auto", "cpu", "cuda"),
        show_default="auto, or as `holocine config` says",
        rich_help_panel=WHERE,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="HOW",
        help="Placement of the networks: auto, resident, swap, fp8, group, stream.",
        autocompletion=one_of("auto", "resident", "swap", "fp8", "group", "stream"),
        show_default="auto, or as `holocine config` says",
        rich_help_panel=WHERE,
    ),
]
Gpus = Annotated[
    int,
    typer.Option(
        "--gpus",
        metavar="N",
        min=1,
        help="So many GPUs for one film or one run; with --device cpu, processes of the processor.",
        show_default=False,
        rich_help_panel=WHERE,
    ),
]
ModelsDir = Annotated[
    Path | None,
    typer.Option(
        "--models-dir",
        metavar="DIR",
        help="Where downloaded models lie; as `holocine config` says where left out.",
        show_default=False,
        rich_help_panel=WHERE,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work",
        metavar="DIR",
        help="Folder of the film's takes; .holocine/FILE beside the film where left out.",
        show_default=False,
        rich_help_panel=WHERE,
    ),
]

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        help="Exactly one JSON document on stdout, also on failure.",
        show_default=False,
        rich_help_panel=TALK,
    ),
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        metavar="",
        help="No progress; -qq no warnings either.",
        show_default=False,
        rich_help_panel=TALK,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        metavar="",
        help="A line for every step instead of a bar.",
        show_default=False,
        rich_help_panel=TALK,
    ),
]
Clip = Annotated[
    Path | None,
    typer.Option(
        "--clip",
        metavar="DIR",
        help="A CLIP model's folder: compare by CLIP too, texts as well.",
        show_default=False,
        rich_help_panel=COMPARE,
    ),
]
ViClip = Annotated[
    Path | None,
    typer.Option(
        "--viclip",
        metavar="DIR",
        help="ViCLIP's folder: compare whole shots, and with their texts, by ViCLIP.",
        show_default=False,
        rich_help_panel=COMPARE,
    ),
]
Dino = Annotated[
    Path | None,
    typer.Option(
        "--dino",
        metavar="DIR",
        help="A DINO model's folder: consistency by DINO too.",
        show_default=False,
        rich_help_panel=COMPARE,
    ),
]
