"""A suite's films: the model's through the whole production, the brush's, and the codec's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.errors import InputError
from holocine_core.evaluate.screening import Screened
from holocine_core.film.planning import plan_film
from holocine_core.lab.suites.suite import Case, Filmed
from holocine_core.model.networks import Networks
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.vae import decode_latents, encode_frames
from holocine_core.script.prompt import compose
from holocine_core.script.shot_names import shot_name
from holocine_core.script.written import screenplay_yaml
from holocine_core.store.files import replacing
from holocine_core.store.vault import Vault


def plan_case(case: Case, folder: Path, request: Request, take: int = 0) -> Plan:
    """Write a case's screenplay and plan its film.

    Args:
        case: What to film.
        folder: Where screenplay, film and work folder go.
        request: Its seed is the case's own instead.
        take: Number of the film among several of the same case; each has other noise.

    Raises:
        InputError: The model would film it with other cuts.
        MachineError: The model isn't there or fits no placement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{case.name}.{take}" if take else case.name
    path = folder / f"{name}.yaml"
    text = screenplay_yaml(case.screenplay)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with replacing(path) as made:
            made.write_text(text, encoding="utf-8")
    work = folder / "work" / name
    film = folder / f"{name}.mp4"
    request = replace(request, out=film, seed=case.noise + take, work=work, anew=True)
    plan = plan_film(path, request)
    spans = tuple(shot.frames for shot in case.scene.shots)
    if len(plan.takes) != 1 or plan.takes[0].timeline.shot_spans != spans:
        raise InputError(
            f"{plan.model.spec.name} films {case.name} with other cuts than its scene has",
            where=str(path),
        )
    return plan


def frames_of(plan: Plan) -> Frames:
    """The frames of a rendered plan of one take, as they were before delivery.

    Raises:
        InputError: They are no longer in the work folder.
    """
    clip = Vault(plan.work).path("clips", plan.takes[0].clip_key)
    if not clip.is_file():
        raise InputError(
            f"{plan.out} is finished, but its take is no longer there",
            where=str(plan.work),
            hint="move the film away and run the same command again",
        )
    return np.concatenate(list(read_frames(clip)))


def size_of(plan: Plan) -> tuple[int, int]:
    """Rows and columns of a plan's frames."""
    sampling = plan.takes[0].sampling
    return sampling.height, sampling.width


def drawn_film(case: Case, size: tuple[int, int]) -> Filmed:
    """A case as the stage draws it: what a perfect model would make."""
    from holocine_core.lab.stage.paint import draw

    return Filmed(case, draw(case.scene, *size).numpy())


def through_codec(plan: Plan) -> Callable[[Frames], Frames]:
    """Puts 4t+1 frames through a model's codec and back; it is loaded when first asked."""
    networks = Networks(plan.model, plan.placement)

    def through(frames: Frames) -> Frames:
        vae = networks.use("vae")
        return np.concatenate(list(decode_latents(vae, encode_frames(vae, frames))))

    return through


def codec_films(plan: Plan) -> Callable[[Filmed], Filmed]:
    """Puts films through a model's codec and back: what its transformer could make at best."""
    through = through_codec(plan)
    return lambda film: Filmed(film.case, through(film.frames))


def screened(film: Filmed) -> Screened:
    """A suite's film for the measures of any film."""
    shots = film.case.scene.shots
    screenplay = film.case.screenplay
    told = compose(screenplay, screenplay.scenes[0])
    return Screened(
        name=film.case.name,
        names=tuple(shot_name(screenplay.scene_id(0), n, 1) for n in range(1, len(shots) + 1)),
        frames=film.frames,
        shots=tuple(shot.frames for shot in shots),
        casts=tuple(frozenset(str(role.who) for role in shot.roles) for shot in shots),
        setting=told.caption,
        prompts=told.captions,
    )
