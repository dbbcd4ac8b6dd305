"""inspect: what a finished film says about itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.console import Paint
from holocine_cli.groups import Told, grouped
from holocine_cli.layout import columns
from holocine_cli.pipes import DASH, text_to_stdout
from holocine_cli.session import begin
from holocine_core.api import counted
from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.api import Inspection


@grouped
def inspect(
    ctx: typer.Context,
    film: opt.Film,
    extract: Annotated[
        Path | None,
        typer.Option(
            "--extract",
            metavar="FILE",
            help="Write the film's screenplay to this file; - is stdout.",
            show_default=False,
        ),
    ] = None,
    edited: Annotated[
        bool, typer.Option("--edited", help="With --extract: write the film's edits into it.")
    ] = False,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Show how a film was made, read out of the film itself.

    holocine inspect harbour.mp4
    holocine inspect harbour.mp4 --extract harbour.yaml

    The film carries its screenplay, seeds, model, cuts and versions. Rendering
    the extracted screenplay on the same machine, with the options of the call
    that are shown, makes the same film again, as it was before any edits.
    """
    session = begin(ctx, told)
    if extract == DASH and told.as_json:
        raise InputError(
            "--json and --extract - both want stdout", hint="the document holds the screenplay too"
        )
    if edited and extract is None:
        raise InputError("--edited is for --extract", hint="name a file, or - for stdout")
    from holocine_core import api

    found = api.inspect(film)
    session.fields = {"film": str(film), **_record(found)}
    if extract is None:
        session.console.product(_page(found, session.console.out))
        return
    if found.provenance.get("edits") and not edited:
        session.console.note("the film's edits are not in it; --edited writes them into it")
    if extract == DASH:
        text_to_stdout(api.edited_screenplay(found) if edited else found.screenplay)
    else:
        session.console.product(str(api.extract(found, extract, edited=edited, force=force)))


def _record(found: Inspection) -> dict[str, Any]:
    chapters = [
        {"frames": [chapter.start_frame, chapter.end_frame], "title": chapter.title}
        for chapter in found.chapters
    ]
    return {
        "provenance": dict(found.provenance),
        "shots": list(_shots(found)),
        "chapters": chapters,
    }


def _shots(found: Inspection) -> Iterator[dict[str, Any]]:
    """Every shot of a film by its name with its times there, also those that a crossfade swallows,
    which have none."""
    from holocine_core.api import shot_name, shown_times

    takes, times = found.provenance["takes"], shown_times(found) or {}
    for take in takes:
        for number, shot in enumerate(take["shots"], 1):
            name = shot_name(take["scene"], number, len(takes))
            seen = times.get(name)
            yield {
                "name": name,
                "in": seen and seen[0],
                "out": seen and seen[1],
                "scene": take["scene"],
                "shot": number,
                "prompt": shot["prompt"],
            }


def _page(found: Inspection, paint: Paint) -> str:
    """A film's provenance as people read it."""
    from holocine_core import api

    made = found.provenance
    lines = [paint(str(made["title"]), bold=True), ""]
    model = made["model"]
    facts = [
        ("film", str(found.path)),
        ("model", str(model["name"])),
        ("licence", str(model["licence"])),
        ("profile", f"{made['profile']}, {round(float(Fraction(made['fps'])), 3):g} fps"),
    ]
    if own := api.own_profile_told(made):
        facts.append(("", own))
    facts += [
        ("lora", f"{lora['file']} x {lora['weight']:g}, expert {lora['expert']}")
        for lora in made["lora"]
    ]
    if options := api.call_told(made):
        facts.append(("called with", options))
    if draft := made.get("options", {}).get("draft"):
        facts.append(("draft", f"{draft} of holocine preview --seeds"))
    if edits := made.get("edits"):
        facts.append(("edited", api.edits_told(edits, len(made["takes"])).replace("; ", "\n")))
    facts.append(("made with", ", ".join(f"{k} {v}" for k, v in made["versions"].items())))
    lines += columns([(paint(name, dim=True), text) for name, text in facts])
    times = api.shown_times(found)
    if times is None:
        lines += ["", "  the file was cut since: times are each scene's own"]
    for take in made["takes"]:
        lines += ["", *_take_lines(take, len(made["takes"]), times, paint)]
    return "\n".join(lines)


def _take_lines(
    take: dict[str, Any], scenes: int, times: Mapping[str, tuple[str, str]] | None, paint: Paint
) -> list[str]:
    """A scene and its shots; ``times``: of the film, None where the scene's own are shown."""
    from holocine_core.api import shot_name, shots_named

    names = [shot_name(take["scene"], i, scenes) for i, _ in enumerate(take["shots"], 1)]
    own = {name: (shot["in"], shot["out"]) for name, shot in zip(names, take["shots"], strict=True)}
    spans = own if times is None else times

    sampling = take["sampling"]
    title = (
        f"{counted(take['frames']['got'], 'frame')} of {sampling['width']}x{sampling['height']}, "
        f"seed {take['seed']}, {counted(sampling['steps'], 'step')}, "
        f"guidance {sampling['guidance']:g}"
    )
    rows = [
        (
            paint(name, dim=True),
            " - ".join(spans.get(name, ("not seen",))),
            _one_line(shot["prompt"]),
        )
        for name, shot in zip(names, take["shots"], strict=True)
    ]
    head = f"  {paint(take['scene'], bold=True)}  {title}"
    loras = [
        f"    lora {lora['file']} x {lora['weight']:g}, expert {lora['expert']}: shot "
        + shots_named(take["scene"], lora["shots"], scenes)
        for lora in take.get("lora", [])
    ]
    return [head, *columns(rows, right=frozenset({0}), indent="    "), *loras]


def _one_line(text: str) -> str:
    return " ".join(text.split())
