"""What can be seen of films: inspect, report, export, evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from holocine_core.errors import InputError
from holocine_core.events import Stop, never
from holocine_core.request import Request

if TYPE_CHECKING:
    from holocine_core.edit.exchange import CutList
    from holocine_core.edit.page import Page
    from holocine_core.evaluate.evaluation import Evaluation
    from holocine_core.evaluate.filming import Watch
    from holocine_core.film.provenance import Inspection

EditorFormat = Literal["otio", "edl", "fcpxml", "xml", "vtt", "srt"]


def inspect(film: str | Path) -> Inspection:
    """Read how a film was made out of the film itself.

    Raises:
        InputError: No film, or not one of holocine's.
    """
    from holocine_core.film.provenance import inspect as read

    return read(Path(film))


def extract(
    found: Inspection, out: str | Path, *, edited: bool = False, force: bool = False
) -> Path:
    """Write the screenplay that a film carries; the same one is replaced unasked.

    Args:
        found: The film.
        out: The file.
        edited: Whether as of :func:`edited_screenplay`; as it was rendered otherwise.
        force: Replace another file.

    Raises:
        InputError: Another file is in the way; or as of :func:`edited_screenplay`.
    """
    from holocine_core.store.files import refuse_to_be, save

    path, text = Path(out), edited_screenplay(found) if edited else found.screenplay
    refuse_to_be(path, found.path, "film")
    save(path, text.encode(), replace=force)
    return path


def edited_screenplay(found: Inspection, request: Request = Request()) -> str:
    """A film's screenplay with its edits written into it, in YAML: what a fresh film of it would be
    asked for. Of a film without edits, its screenplay as it is.

    Args:
        found: The film.
        request: Where its model is, if elsewhere than it says: lengths are by the model's rate.

    Raises:
        InputError: Its model, pictures or sounds are not there.
    """
    from holocine_core.film.reopen import replan
    from holocine_core.script.edits import read_edits
    from holocine_core.script.written import screenplay_yaml

    edits = read_edits(found.provenance.get("edits", []))
    if not edits:
        return found.screenplay
    return screenplay_yaml(replan(found, edits, request).screenplay, choices=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A film's page."""

    path: Path
    page: Page


def report(
    film: str | Path,
    out: str | Path | None = None,
    *,
    clip: Path | None = None,
    dino: Path | None = None,
    force: bool = False,
) -> Reported:
    """Put a film on one page: player, shots, cuts, likeness, settings.

    Args:
        film: Made by holocine.
        out: The page; ``FILM.html`` beside the film where None.
        clip: A CLIP model's folder to compare shots by as well.
        dino: A DINO model's likewise.
        force: Replace what is in the way.

    Raises:
        InputError: No film of holocine's, no such network, or a file is in the way.
        MachineError: ffmpeg or the disk failed.
    """
    from holocine_core.evaluate.film_page import write_report
    from holocine_core.store.files import refuse_to_be

    source = Path(film)
    path = Path(out) if out is not None else source.with_suffix(".html")
    refuse_to_be(path, source, "film")
    page = write_report(source, path, clip=clip, dino=dino, force=force)
    return Reported(path=path, page=page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A film as a file for editors or players."""

    path: Path
    cuts: CutList
    rate: Fraction | None
    """Frames per second of the editor's timeline; None for subtitles."""


def export(
    film: str | Path,
    to: EditorFormat,
    out: str | Path | None = None,
    *,
    rate: int | float | str | None = None,
    force: bool = False,
) -> Exported:
    """Hand a film on: its shots as an editor's clips, or their texts as subtitles.

    Args:
        film: Made by holocine.
        to: The file's format.
        out: The file; beside the film where None.
        rate: Frames per second of the timeline, a multiple of the film's: 30, 29.97, "30000/1001".
        force: Replace what is in the way.

    Raises:
        InputError: No film of holocine's, a rate that does not go, or a file is in the way.
        MachineError: OpenTimelineIO isn't installed.
    """
    from holocine_core.edit.exchange import cut_list_text
    from holocine_core.edit.subtitles import subtitles
    from holocine_core.film.cut_list import cut_list
    from holocine_core.store.files import refuse_to_be, save

    source = Path(film)
    path = Path(out) if out is not None else source.with_suffix(f".{to}")
    refuse_to_be(path, source, "film")
    if to in ("vtt", "srt") and rate is not None:
        raise InputError("subtitles have no rate", hint="leave --rate out")
    cuts = cut_list(inspect(source))
    if to == "vtt" or to == "srt":
        shots = [shot for shot in cuts.shots if not shot.is_card]  # Those are read as is.
        save(path, subtitles(shots, cuts.fps, to).encode(), replace=force)
        return Exported(path=path, cuts=cuts, rate=None)
    text, found = cut_list_text(cuts, to, path, rate)
    save(path, text.encode(), replace=force)
    return Exported(path=path, cuts=cuts, rate=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What to measure, and by what."""

    suite: str | None = None
    """``stage:SEED:COUNT``: scenes of the drawn world instead of films; or the name or file of a
    suite with its gates, see :func:`~holocine_core.api.suites`."""
    minima: Sequence[str] = ()
    """Gates: ``NAME=VALUE`` that the first column has to reach."""
    maxima: Sequence[str] = ()
    """``NAME=VALUE`` that it must not exceed."""
    seeds: int = 1
    """Films per screenplay, each of other noise."""
    clip: Path | None = None
    """A CLIP model's folder."""
    dino: Path | None = None
    """A DINO model's."""
    viclip: Path | None = None
    """ViCLIP's."""
    judge: Path | None = None
    """Another judge of the drawn world than ships."""
    work: Path = field(default=Path(".holocine/evaluate"))
    """Where films are made that have to be rendered first; it is the evaluation's own."""


def evaluate(
    films: Sequence[str | Path] = (),
    measuring: Measuring = Measuring(),
    request: Request = Request(),
    *,
    requests: Mapping[Path, Request] | None = None,
    watch: Watch | None = None,
    should_stop: Stop | None = None,
) -> Evaluation:
    """Measure films: cuts, consistency, motion, and what the drawn world's judge sees.

    Args:
        films: Made by holocine, or screenplays, which are rendered first; none with a suite.
        measuring: What to measure, and by what.
        request: What is asked for beside screenplays.
        requests: By screenplay, where it is something else.
        watch: Who is told of each film that is rendered.
        should_stop: Asked after every step of those.

    Raises:
        InputError: No film of holocine's, a screenplay is wrong, no such gate, suite or network.
        MachineError: TransNetV2 isn't installed, or a render failed.
        Interrupted: ``should_stop`` said so.
    """
    if bool(films) == (measuring.suite is not None):
        what = "there is nothing to evaluate" if not films else "give films or a suite, not both"
        raise InputError(what, hint="holocine evaluate FILM.mp4, or --suite nano-quick")
    from dataclasses import replace

    from holocine_core.evaluate.cuts import require_detector
    from holocine_core.evaluate.evaluation import evaluation
    from holocine_core.evaluate.features import eyes
    from holocine_core.evaluate.filming import Filming, nobody
    from holocine_core.evaluate.observe import observe
    from holocine_core.evaluate.screening import screen
    from holocine_core.evaluate.table import parse_gates

    judged = measuring.suite is not None
    measuring = _whole(measuring)
    gates = parse_gates(measuring.minima, measuring.maxima, judged=judged)
    require_detector()
    # What is measured is the model as it is today.
    filming = Filming(
        request=replace(request, anew=True),
        requests={path: replace(one, anew=True) for path, one in (requests or {}).items()},
        work=measuring.work,
        seeds=measuring.seeds,
        watch=watch or nobody,
        should_stop=should_stop or never,
    )
    seeing = eyes(measuring.clip, measuring.dino, measuring.viclip)
    if measuring.suite is not None:
        from holocine_core.lab.suites.suite_table import evaluate_suite

        return evaluate_suite(measuring.suite, filming, seeing, gates, measuring.judge)
    paths = [Path(film) for film in films]
    observed = [observe(scene, seeing) for film in filming.films(paths) for scene in screen(film)]
    return evaluation(observed, gates)


def _whole(measuring: Measuring) -> Measuring:
    """With what a suite's file says in place of its name."""
    if measuring.suite is None:
        return measuring
    from dataclasses import replace

    from holocine_core.lab.suites.recipe import suite_asked

    asked = suite_asked(measuring.suite, measuring.minima, measuring.maxima)
    return replace(measuring, suite=asked.suite, minima=asked.minima, maxima=asked.maxima)


def shown_measures(found: Evaluation) -> Mapping[str, tuple[str, ...]]:
    """By measure, its value in every column, in its unit; ``-`` where a column has none."""
    from holocine_core.evaluate.table import METRICS, shown_value

    report = found.report
    return {
        name: tuple(
            shown_value(METRICS[name], column.measures[name]) if name in column.measures else "-"
            for column in report.columns
        )
        for name in report.names
    }
