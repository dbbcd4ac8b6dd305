"""A screenplay file in, a film out: what the command line calls, and what scripts may call.

from holocine_core.production import render_film
film = render_film("scene.yaml", out="scene.mp4")
print(film.path, film.seconds)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError
from holocine_core.events import Emit, ignore
from holocine_core.film.begun import keep_begun
from holocine_core.model.lora.file import LoraFile
from holocine_core.plan.make import make_plan
from holocine_core.plan.upscale import make_upscaled_plan, require_drafts
from holocine_core.plan.values import Plan, Request
from holocine_core.script.reader import read
from holocine_core.script.timeline import Span
from holocine_core.store.vault import Vault

# Checking and planning need none of the cutting room; what does imports it when it is called.
if TYPE_CHECKING:
    from holocine_core.edit.ffmpeg import Frames
    from holocine_core.edit.storyboard import StoryboardRow
    from holocine_core.film.finish import Film
    from holocine_core.render import Stop

WORK = ".holocine"
"""Name of the folder of work folders beside a film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be said beside the screenplay. None leaves the screenplay's or default's word."""

    profile: str | None = None
    model: str | None = None
    seed: int | None = None
    device: str = "auto"
    memory: str = "auto"
    models_dir: Path | None = None
    work: Path | None = None
    loras: tuple[LoraFile, ...] = ()
    draft: int = 1
    """Which of several drafts: each has seeds of its own, one higher than the one before."""
    outside: bool = False
    """Whether pictures may lie outside the screenplay's folder."""
    from_draft: int | None = None
    """The draft to make the film from."""
    anew: bool = False
    """Whether what was made or begun under earlier settings of the model does not count; but the
    draft that a film is made from does."""


def plan_film(
    screenplay: str | Path, out: str | Path | None = None, options: Options = Options()
) -> Plan:
    """Read a screenplay and plan its film.

    Args:
        screenplay: A YAML file.
        out: The film; ``<screenplay>.mp4`` in the current folder where None.
        options: Settings that go before the screenplay's.

    Raises:
        InputError: With every problem of the file.
        MachineError: The model isn't there or fits no placement.
    """
    path = Path(screenplay)
    film = Path(out) if out is not None else Path(f"{path.stem}.mp4")
    _refuse_name(film)
    work = options.work if options.work is not None else film.parent / WORK / path.stem
    request = Request(
        out=film,
        work=work,
        profile=options.profile,
        model=options.model,
        seed=options.seed,
        device=options.device,
        memory=options.memory,
        models_dir=options.models_dir,
        loras=options.loras,
        draft=options.draft,
        outside=options.outside,
        from_draft=options.from_draft,
    )
    make = make_plan if request.from_draft is None else make_upscaled_plan
    manuscript = read(path)
    plan = make(manuscript, request)
    return require_drafts(keep_begun(plan, manuscript, request, make, anew=options.anew))


def _refuse_name(film: Path) -> None:
    if not film.name:
        raise InputError(f"'{film}' is no name of a film", hint="name a file, such as film.mp4")
    try:
        str(film.absolute()).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(film).decode(errors="backslashreplace")
        raise InputError(
            "the film's path is not in UTF-8, as its log and its tags are",
            where=shown,
            hint="rename the screenplay or its folders, or name the film with --out",
        ) from None


def render_film(
    screenplay: str | Path,
    out: str | Path | None = None,
    options: Options = Options(),
    *,
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = lambda: False,
) -> Film:
    """Plan and render a film; arguments as :func:`plan_film` and ``render``."""
    from holocine_core.render import render

    plan = plan_film(screenplay, out, replace(options, anew=options.anew or force))
    return render(plan, emit, force=force, should_stop=should_stop)


def draw_storyboard(plan: Plan, out: Path) -> Path:
    """A storyboard of a rendered plan: a row per shot with its first, middle and last frame."""
    from holocine_core.edit.storyboard import storyboard

    storyboard(list(_rows(plan)), out, plan.title)
    return out


def draw_drafts(plans: Sequence[Plan], out: Path) -> Path:
    """A storyboard of several rendered drafts of one film: a row per shot, a picture per draft."""
    from holocine_core.edit.storyboard import storyboard

    rows = []
    for drafts in zip(*(_rows(plan) for plan in plans), strict=True):
        middles = [row.pictures[1][1] for row in drafts]
        captions = [f"draft {plan.options.get('draft', 1)}" for plan in plans]
        rows.append(replace(drafts[0], pictures=tuple(zip(captions, middles, strict=True))))
    storyboard(rows, out, plans[0].title)
    return out


def _rows(plan: Plan) -> Iterator[StoryboardRow]:
    from holocine_core.edit.stitch import scene_starts
    from holocine_core.edit.storyboard import StoryboardRow
    from holocine_core.film.finish import stitch_job

    vault = Vault(plan.work)
    starts = scene_starts(stitch_job(plan, vault))
    for take, start in zip(plan.takes, starts, strict=True):
        spans = take.timeline.shot_spans
        wanted = {at for span in spans for at in _looks(span)}
        frames = _pick(vault.path("clips", take.clip_key), wanted)
        for i, span in enumerate(spans):
            yield StoryboardRow(
                scene=take.scene,
                shot=i + 1,
                prompt=take.prompt.shots[i],
                span=Span(start + span.start, start + span.stop),
                fps=plan.fps,
                pictures=tuple((f"frame {start + at}", frames[at]) for at in _looks(span)),
            )


def _looks(span: Span) -> tuple[int, int, int]:
    return span.start, span.start + len(span) // 2, span.stop - 1


def _pick(clip: Path, wanted: set[int]) -> dict[int, Frames]:
    from holocine_core.edit.ffmpeg import read_frames

    found: dict[int, Frames] = {}
    at = 0
    for chunk in read_frames(clip):
        found |= {at + i: frame.copy() for i, frame in enumerate(chunk) if at + i in wanted}
        at += len(chunk)
    return found


def shot_names(plan: Plan) -> list[list[str]]:
    """Per take, its shots' file names without suffix: ``SCENE-NN``, each once in any case."""
    return [
        [f"{take.scene}-{i + 1:02d}" for i in range(take.timeline.shots)] for take in plan.takes
    ]


def shot_paths(plan: Plan, folder: Path) -> list[Path]:
    """Where ``export_shots`` puts every shot, in the film's order."""
    suffix = ".mov" if plan.delivery.codec == "prores" else ".mp4"
    return [folder / f"{name}{suffix}" for names in shot_names(plan) for name in names]


def export_shots(
    plan: Plan, folder: Path, written: Callable[[Path], None] = lambda path: None
) -> list[Path]:
    """Write every shot of a rendered plan as a clip of its own, frame-exact.

    Args:
        folder: Made where missing; files of the shots' names in it are replaced.
        written: Told of every clip right after it got its name; may raise to end the work.
    """
    from holocine_core.edit.delivery import VideoCodec
    from holocine_core.edit.stitch import cut_shots

    vault = Vault(plan.work)
    video = VideoCodec(codec=plan.delivery.codec, crf=plan.delivery.quality)
    clips: list[Path] = []
    for take, names in zip(plan.takes, shot_names(plan), strict=True):
        take_clip = vault.path("clips", take.clip_key)
        shots = zip(take.timeline.shot_spans, names, take.prompt.shots, strict=True)
        for span, name, title in shots:
            clips += cut_shots(take_clip, [span], [name], folder, video, [title])
            written(clips[-1])
    return clips
