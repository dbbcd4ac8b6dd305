"""ingest: footage, as scenes to train on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.console import Console, moves
from holocine_cli.contract import SomeFailed
from holocine_cli.groups import ToldAtLength, grouped
from holocine_cli.session import Session, begin
from holocine_cli.settings import device_here, models_home
from holocine_cli.sizes import pixels
from holocine_core.api import counted
from holocine_core.errors import InputError, Interrupted, Problem
from holocine_core.events import Event, FootageScanned, SampleWritten, Warned

if TYPE_CHECKING:
    from holocine_core.api import Collected

Films = Annotated[list[Path], typer.Argument(metavar="FILES", help="Films.", show_default=False)]
Folder = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Folder for the samples.",
        rich_help_panel=opt.WHAT,
    ),
]
ForModel = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The model that is to learn from them: decides rate, size and length.",
        rich_help_panel=opt.WHAT,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Size of the clips; the model's standard size where left out.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Lengths = Annotated[
    list[float] | None,
    typer.Option(
        "--seconds",
        metavar="N",
        min=0.5,
        help="Length of scenes, about; give it again for more lengths. 5, 15 and 60 where the "
        "model knows such long ones.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
CaptionModel = Annotated[
    str,
    typer.Option(
        "--caption-model",
        metavar="NAME",
        help="Captions by an image-text-to-text model: a folder, or a name on the hub.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
CaptionCommand = Annotated[
    str,
    typer.Option(
        "--caption-command",
        metavar="CMD",
        help="Captions by a command: JSON on its stdin and stdout.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Review = Annotated[
    bool,
    typer.Option(
        "--review",
        metavar="",
        help="Write a page with every cut, scene and caption.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Answers = Annotated[
    Path | None,
    typer.Option(
        "--answers",
        metavar="FILE",
        help="What was said on the page.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]


@grouped
def ingest(
    ctx: typer.Context,
    files: Films,
    out: Folder = Path("data"),
    model: ForModel = "nano",
    size: Size = None,
    seconds: Lengths = None,
    caption_model: CaptionModel = "",
    caption_command: CaptionCommand = "",
    review: Review = False,
    answers: Answers = None,
    device: opt.Device = None,
    models_dir: opt.ModelsDir = None,
    told: ToldAtLength = ToldAtLength(),
) -> None:
    """Cut films into scenes to train on; running it again goes on.

    holocine ingest holiday.mp4 --out data --review
    holocine ingest films/*.mkv --model holocine-14b-full --caption-model Qwen/Qwen3-VL-8B-Instruct

    Each sample is a screenplay beside its clip, the format `holocine train`
    reads. Cuts that are not sure are asked on the page; what is said there is
    saved as a file for --answers.
    """
    session = begin(ctx, told)
    from holocine_core import api

    request = api.IngestRequest(
        files=tuple(files),
        out=out,
        model=model,
        models_dir=models_home(session, models_dir),
        size=None if size is None else pixels(size),
        lengths=tuple(seconds or ()),
        caption_model=caption_model,
        caption_command=caption_command,
        device=device_here(session, device),
        answers=answers,
        review=review,
    )
    session.fields = {"out": str(out)}
    with session.stop.awaited(session.tell_stop):
        try:
            made = api.ingest(request, emit=_Reporter(session.console), should_stop=session.stop)
        except Interrupted as stopped:
            raise Interrupted(stopped.message, hint=f"go on with: {session.line}") from stopped
    _tell(session, made)


def _tell(session: Session, made: Collected) -> None:
    aside = sum(bool(shot.flaws) for film in made.films for shot in film.shots)
    session.fields |= {
        "samples": [str(path) for path in made.samples],
        "unwritten": made.unwritten,
        "questions": made.asked,
        "shots_set_aside": aside,
        "skipped": [problem.where for problem in made.skipped],
        "page": None if made.page is None else str(made.page),
    }
    note = session.console.note
    note(f"{counted(len(made.samples), 'sample')}, {counted(aside, 'shot')} set aside")
    if made.asked:
        page = f"see {made.page}" if made.page else "write the page with --review"
        note(f"{counted(made.asked, 'cut')} not sure: no scene passes over them; {page}")
    if made.unwritten:
        note(f"{counted(made.unwritten, 'sample')} to be captioned: look for CAPTION:")
    session.console.product(str(made.page or made.out))
    if made.skipped:
        raise SomeFailed(
            [InputError.of([problem]) for problem in made.skipped],
            len(made.films) + len(made.skipped),
            [problem.where for problem in made.skipped],
        )


class _Reporter:
    """Tells what the console's loudness lets through."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._every = 5.0 if moves(sys.stderr) else 30.0
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        match event:
            case FootageScanned():
                doing = "looking for cuts" if event.for_cuts else "looking at it"
                self._progress(
                    f"{Path(event.film).name}: {doing}, {event.frames} of {event.of} frames",
                    last=event.frames >= event.of,
                )
            case SampleWritten():
                self._progress(
                    f"{event.number} of {event.of}: {event.sample}",
                    last=event.number == event.of,
                )
            case Warned():
                self._console.warn(Problem(event.message, event.where, event.hint))

    def _progress(self, text: str, *, last: bool) -> None:
        now = time.monotonic()
        if last or now - self._told >= self._every:
            self._told = now
            self._console.note(text)
        else:
            self._console.detail(text)
