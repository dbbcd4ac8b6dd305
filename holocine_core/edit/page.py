"""A film's report as one page of HTML that needs nothing else: player, shots, cuts, likeness."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from pathlib import Path
from string import Template
from typing import Literal

from holocine_core.edit.exchange import CutList, CutShot
from holocine_core.edit.ffmpeg import Frames, probe
from holocine_core.edit.process import Run, source, url
from holocine_core.errors import MachineError
from holocine_core.script.rates import shown_rate
from holocine_core.script.timeline import timecode

_TEMPLATE = Path(__file__).parent / "page.html"
_PICTURE = 320
"""Width of the storyboard's pictures in pixels."""
LARGEST_FILM = 48 * 2**20
"""Bytes of a film that is put into the page as it is; larger ones as a smaller copy."""
_COPY = ("-vf", "scale='min(1280,iw)':-2", "-c:v", "libx264", "-crf", "26", "-preset", "fast",
         "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One cut: the frame that was asked for, and where the picture really changes.

    Attributes:
        shot: The shot that begins there.
        found: The frame that was measured; None where no cut was seen.
        begins: How the shot begins; only hard cuts are measured.
    """

    shot: CutShot
    found: int | None
    begins: Literal["cut", "fade", "crossfade"] = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a report shows.

    Attributes:
        cuts: The film and its shots.
        pictures: Per shot its first, middle and last frame.
        measured: Every cut.
        measured_by: What measured them, in words.
        changes: Mean change of a pixel from each frame to the next, in percent; one less than
            frames.
        likeness: What shots were compared by -> for every two shots a number 0..1.
        settings: Name -> value, as people read them.
        screenplay: The film's screenplay.
    """

    cuts: CutList
    pictures: tuple[tuple[Frames, Frames, Frames], ...]
    measured: tuple[Cut, ...]
    measured_by: str
    changes: tuple[float, ...]
    likeness: Mapping[str, Sequence[Sequence[float]]]
    settings: Mapping[str, str]
    screenplay: str


def page_html(page: Page, room: Path) -> str:
    """The page's text.

    Args:
        page: What it shows.
        room: A folder for the film's copy where it needs one.

    Raises:
        InputError: The film cannot be read.
        MachineError: ffmpeg or the disk failed.
    """
    cuts = page.cuts
    seconds = float(cuts.frames / cuts.fps)
    rate = shown_rate(cuts.fps)
    facts = f"{cuts.counted} / {seconds:.1f} s / {cuts.frames} frames at {rate} a second"
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(cuts.title),
        facts=escape(facts),
        video=_data("video/mp4", _playable(cuts.film, room).read_bytes()),
        bar="".join(_bar(cuts)),
        storyboard="\n".join(_storyboard(page)),
        cuts=_cut_table(page),
        plot=_plot(page),
        plot_words="Mean change of a pixel, in percent; dashed lines are the cuts asked for.",
        matrices="\n".join(_matrix(cuts, *one) for one in page.likeness.items()),
        settings="".join(_row(name, text) for name, text in page.settings.items()),
        screenplay=escape(page.screenplay),
    )


def is_page(path: Path) -> bool:
    """Whether a file begins as a page does."""
    head = _TEMPLATE.read_text(encoding="utf-8").partition("$")[0].encode()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _playable(film: Path, room: Path) -> Path:
    """The film, or a copy that browsers play and a page can hold."""
    held = probe(film)
    plain = held.codec == "h264" and held.pix_fmt in ("yuv420p", "yuvj420p")
    if plain and film.suffix.lower() in (".mp4", ".mov") and film.stat().st_size <= LARGEST_FILM:
        return film
    copy = room / "copy.mp4"
    run = Run([*source(film), "-map", "0:V:0", "-map", "0:a:0?", *_COPY, "-y", url(copy)])
    try:
        failed = run.wait_reading(film)
    finally:
        run.kill()
    if failed or not copy.exists():
        raise MachineError(f"ffmpeg cannot copy the film: {run.reason}", where=str(film))
    return copy


def _at(frame: int, fps: Fraction) -> str:
    """A time in the middle of a frame, so that rounding shows that frame and no other."""
    return f"{float((frame + Fraction(1, 2)) / fps):.4f}"


def _bar(cuts: CutList) -> Iterator[str]:
    scene = None
    for at, shot in enumerate(cuts.shots):
        new = ' class="first"' if shot.facts["scene"] != scene and at else ""
        scene = shot.facts["scene"]
        told = escape(f"{shot.name}: {shot.prompt}", quote=True)
        yield (
            f'<button{new} style="flex-grow:{len(shot.span)}" title="{told}"'
            f' data-at="{_at(shot.span.start, cuts.fps)}">{escape(shot.name)}</button>'
        )


def _storyboard(page: Page) -> Iterator[str]:
    cuts = page.cuts
    for shot, pictures in zip(cuts.shots, page.pictures, strict=True):
        shown = "".join(f'<img alt="" src="{_jpeg(picture)}">' for picture in pictures)
        times = "<br>".join(timecode(at, cuts.fps) for at in (shot.span.start, shot.span.stop))
        yield (
            f'<section class="shot"><div class="times"><button class="number"'
            f' data-at="{_at(shot.span.start, cuts.fps)}">{escape(shot.name)}</button>'
            f"{times}</div>"
            f'<div class="pictures">{shown}</div><p>{escape(shot.prompt)}</p></section>'
        )


def _jpeg(frame: Frames) -> str:
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((_PICTURE, _PICTURE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=82)
    return _data("image/jpeg", buffer.getvalue())


def _cut_table(page: Page) -> str:
    if not page.measured:
        return "<p>The film is one shot.</p>"
    rows = ["<tr><th>shot</th><th>asked</th><th>measured</th><th>frames off</th></tr>"]
    for cut in page.measured:
        asked = cut.shot.span.start
        found: str
        if cut.begins != "cut":
            found, off, style = cut.begins, "", ""
        elif cut.found is None:
            found, off, style = "none seen", "", ' class="off"'
        else:
            found, off = str(cut.found), f"{cut.found - asked:+d}"
            style = ' class="off"' if cut.found != asked else ""
        name = escape(cut.shot.name)
        rows.append(
            f"<tr><td>{name}</td><td>{asked}</td><td{style}>{escape(found)}</td>"
            f"<td{style}>{off}</td></tr>"
        )
    words = f"First frame of every new shot. Measured by {page.measured_by}."
    return f'<p>{escape(words)}</p><div class="scroll"><table>{"".join(rows)}</table></div>'


def _plot(page: Page) -> str:
    width, height, left = 1000, 180, 34
    frames = page.cuts.frames
    top = max(1.0, *page.changes) if page.changes else 1.0

    def across(frame: int) -> float:
        return left + frame * (width - left) / max(1, frames - 1)

    def down(change: float) -> float:
        return height - 18 - change / top * (height - 30)

    line = " ".join(f"{across(i + 1):.1f},{down(c):.1f}" for i, c in enumerate(page.changes))
    asked = "".join(
        f'<line x1="{across(cut.shot.span.start):.1f}" x2="{across(cut.shot.span.start):.1f}"'
        f' y1="6" y2="{height - 18}" stroke="var(--accent)" stroke-dasharray="3 4"/>'
        for cut in page.measured
    )
    style = 'font-size="11" fill="var(--muted)"'
    marks = "".join(
        f'<text x="0" y="{down(value) + 4:.1f}" {style}>{value:.0f}%</text>'
        for value in (0, top / 2, top)
    )
    last = f'<text x="{width}" y="{height - 2}" text-anchor="end" {style}>frame {frames - 1}</text>'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="change per frame">{asked}'
        f'<polyline points="{line}" fill="none" stroke="var(--ink)" stroke-width="1.5"/>'
        f"{marks}{last}</svg>"
    )


def _matrix(cuts: CutList, name: str, values: Sequence[Sequence[float]]) -> str:
    names = [f"<th>{escape(shot.name)}</th>" for shot in cuts.shots]
    rows = [f"<tr><th>{escape(name)}</th>{''.join(names)}</tr>"]
    for own, row in zip(names, values, strict=True):
        cells = "".join(
            f'<td style="background:color-mix(in srgb, var(--accent) {60 * max(0.0, v):.0f}%,'
            f' transparent)">{v:.2f}</td>'
            for v in row
        )
        rows.append(f"<tr>{own}{cells}</tr>")
    return f'<div class="scroll"><table class="matrix">{"".join(rows)}</table></div>'


def _row(name: str, text: str) -> str:
    return f'<tr><td>{escape(name)}</td><td style="text-align:left">{escape(text)}</td></tr>'
