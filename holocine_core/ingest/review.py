"""A page with every cut, shot and sample; what is said on it is saved as a file of answers."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from holocine_core.ingest.answers import Answers
from holocine_core.ingest.boundaries import Boundary
from holocine_core.ingest.film import Film
from holocine_core.ingest.request import Form
from holocine_core.ingest.samples import save_text
from holocine_core.ingest.shots import LOOKS, Shot
from holocine_core.script.reader import read
from holocine_core.units import clock, counted

NAME = "review.html"
_VOICES = {
    "change": "the picture changes",
    "transnet": "TransNetV2",
    "blend": "frames are mixed",
    "person": "you",
}


def write_page(
    out: Path, films: Sequence[Film], samples: Sequence[Path], form: Form, said: Answers
) -> Path:
    """Write the page into the samples' folder.

    Args:
        out: The folder.
        films: What was looked at.
        samples: Screenplays of all samples.
        form: Of the samples.
        said: So far: what the page saves has it too, and can stand in its place.
    """
    asked = sum(not one.sure for film in films for one in film.boundaries)
    aside = sum(bool(shot.flaws) for film in films for shot in film.shots)
    summary = (
        f"{counted(len(films), 'film')}, {counted(len(samples), 'sample')} of "
        f"{form.size[0]}x{form.size[1]} at {form.fps} frames per second. "
        f"{counted(asked, 'question')} about cuts, "
        f"{counted(aside, 'shot')} set aside."
    )
    body = "".join(_film(film, out) for film in films)
    body += "<h2>Samples</h2>" + "".join(_sample(path) for path in samples)
    template = files(__package__).joinpath("review.html").read_text(encoding="utf-8")
    # A script's text ends at the first </: a caption may hold one.
    before = json.dumps(said.model_dump(mode="json", by_alias=True)).replace("</", "<\\/")
    page = (
        template.replace("<!--SUMMARY-->", html.escape(summary))
        .replace("<!--SAID-->", before)
        .replace("<!--BODY-->", body)
    )
    path = out / NAME
    save_text(path, page)
    return path


def _film(film: Film, out: Path) -> str:
    damage = f"<p class=flaw>Damaged: {html.escape(film.damage)}.</p>" if film.damage else ""
    rows = "".join(_row(one, film, out) for one in _in_order(film))
    return (
        f"<h2>{html.escape(film.footage.path.name)}</h2>{damage}"
        f'<div class=film data-film="{html.escape(film.name)}">{rows}</div>'
    )


def _in_order(film: Film) -> Iterator[Shot | Boundary]:
    both: list[Shot | Boundary] = [*film.shots, *film.boundaries]
    yield from sorted(both, key=lambda one: (one.first, isinstance(one, Shot)))


def _row(one: Shot | Boundary, film: Film, out: Path) -> str:
    return _shot(one, film, out) if isinstance(one, Shot) else _boundary(one, film, out)


def _shot(shot: Shot, film: Film, out: Path) -> str:
    pictures = "".join(
        f'<img loading=lazy src="{_src(film, time, out)}">' for time in film.pictures(shot, LOOKS)
    )
    flaws = html.escape("; ".join(shot.flaws))
    kind = "aside" if shot.flaws else ""
    word = "use it all the same" if shot.flaws else "leave it out"
    name = "keep" if shot.flaws else "drop"
    return (
        f'<div class="shot {kind}"><div class=pictures>{pictures}</div>'
        f"<div>{clock(float(shot.begins))} &middot; {float(shot.seconds):.2f} s"
        f"{f' &middot; <span class=flaw>{flaws}</span>' if flaws else ''}"
        f'<label><input type=checkbox data-{name}="{shot.first}"> {word}</label></div></div>'
    )


def _boundary(one: Boundary, film: Film, out: Path) -> str:
    times = [
        int(film.scan.time_n[frame])
        for frame in (one.first - 1, one.last)
        if 0 <= frame < len(film.scan)
    ]
    pictures = "".join(f'<img loading=lazy src="{_src(film, time, out)}">' for time in times)
    voices = ", ".join(_VOICES[voice] for voice in one.voices)
    length = f", {one.last - one.first} frames cut away" if one.last > one.first else ""
    choice = "".join(
        f'<label><input type=radio name="{film.name}-{one.first}" '
        f'data-cut="{one.first}" value="{value}"> {word}</label>'
        for value, word in (("true", f"a {one.kind}"), ("false", "one shot"))
    )
    asked = "" if one.sure else "asked"
    question = "" if one.sure else "<b>Is this the end of a shot?</b> "
    return (
        f'<div class="boundary {asked}" id="{film.name}-{one.first}">{pictures}'
        f"<div>{question}{one.kind} at frame {one.first}{length} &middot; {voices} {choice}"
        "</div></div>"
    )


def _sample(path: Path) -> str:
    screenplay = read(path).accepted()
    scene = screenplay.scenes[0]
    rows = [_text("global", "Scene", scene.global_)]
    rows += [
        _text(f"character:{name}", f"{{{name}}}", look)
        + f'<label class=name>name <input data-name="{html.escape(name)}" '
        f'value="{html.escape(name)}" required pattern="[\\p{{L}}_][\\p{{L}}\\p{{N}}_]*" '
        'title="letters, digits and _ only"></label>'
        for name, look in screenplay.characters.items()
    ]
    rows += [
        _text(f"shot:{number}", f"Shot {number}, {shot.frames} frames", shot.prompt)
        for number, shot in enumerate(scene.shots or (), 1)
    ]
    stem = html.escape(path.stem)
    return (
        f'<div class=sample data-sample="{stem}"><h3>{stem}</h3>'
        f'<video controls loop muted preload=metadata src="{stem}.mp4"></video>'
        f"<div class=texts>{''.join(rows)}</div></div>"
    )


def _text(key: str, label: str, text: str) -> str:
    return (
        f'<label>{html.escape(label)}<textarea data-text="{html.escape(key)}">'
        f"{html.escape(text)}</textarea></label>"
    )


def _src(film: Film, time: int, out: Path) -> str:
    return html.escape(film.looks.path(time).relative_to(out).as_posix())
