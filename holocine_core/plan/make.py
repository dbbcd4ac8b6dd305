"""Screenplay + profile + model -> Plan.

``render`` executes a plan and nothing else; ``plan`` shows the very same value. No torch here, so a
plan costs a fraction of a second on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.devices import pick_device
from holocine_core.model.locate import find_model
from holocine_core.model.lockfile import read_lock
from holocine_core.model.lora.experts import Experts
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.placement import Placement
from holocine_core.model.spec import ModelSpec
from holocine_core.plan.before import as_begun, gone_weights
from holocine_core.plan.check import (
    TokenCounter,
    scene_problems,
    settings_problems,
    text_problems,
    transition_of,
    warnings,
)
from holocine_core.plan.costs import take_cost
from holocine_core.plan.files import damaged_files
from holocine_core.plan.loras import (
    film_lora_problems,
    film_loras,
    has_shot_loras,
    marks,
    shot_loras,
    shot_marks,
    told,
)
from holocine_core.plan.placing import Machine, memory_warnings, place
from holocine_core.plan.settings import (
    choice_of,
    delivery_of,
    profile_of,
    profile_problems,
    sampling_of,
)
from holocine_core.plan.state import begun_otherwise, shot_before, with_state
from holocine_core.plan.values import (
    NO_PAST,
    KnownPicture,
    Past,
    Plan,
    ProfileChoice,
    Take,
    TakeCost,
)
from holocine_core.request import Request
from holocine_core.sampling import Sampling
from holocine_core.script.keyframes import Held, held_pictures
from holocine_core.script.manuscript import Manuscript, in_file_order
from holocine_core.script.prompt import clean, compose
from holocine_core.script.rates import frame_rate
from holocine_core.script.screenplay import Scene, Screenplay
from holocine_core.script.timeline import Timeline
from holocine_core.script.timing import Timing, resolve
from holocine_core.store.vault import Vault, file_hash, fingerprint

_NOTHING: Mapping[int, Take] = {}


def make_plan(
    manuscript: Manuscript,
    request: Request,
    past: Past = NO_PAST,
    *,
    earlier: Mapping[int, Take] = _NOTHING,
    in_passes: frozenset[int] = frozenset(),
) -> Plan:
    """Resolve a screenplay into takes.

    Args:
        manuscript: The screenplay.
        request: What is asked for beside it.
        past: What the film was made or begun with, where it was.
        earlier: Takes of scenes, by number from 0, that are not resolved again.
        in_passes: Scenes that no pass sees as a whole: neither their length nor their text is too
            long.

    Raises:
        InputError: With every problem of the file, its timing and its texts included, at once.
        MachineError: There is no such device.
    """
    request = request.beside(manuscript.source.data)
    located = as_begun(_locate(manuscript, request), past)
    film = _film(manuscript, located, request, past, in_passes)
    screenplay, path = film.screenplay, manuscript.source.path
    takes = tuple(earlier.get(i) or _take(film, i) for i in range(len(screenplay.scenes)))
    work = request.work_folder(path)
    machine = Machine(device=film.device, memory=request.memory, gpus=request.gpus)
    takes, placement, obstacles = _stated(
        (located, film.identity, film.loras), takes, machine, (work, request.film(path))
    )
    return Plan(
        screenplay_path=path,
        screenplay_text=manuscript.source.text,
        screenplay=screenplay,
        title=screenplay.title or request.named(path).stem,
        choice=film.choice,
        model=located,
        identity=film.identity,
        revisions=_revisions(located),
        loras=film.loras,
        device=film.device,
        placement=placement,
        fps=film.fps,
        takes=takes,
        delivery=delivery_of(screenplay, film.sampling, film.fps),
        out=request.film(path),
        work=work,
        obstacles=obstacles,
        warnings=(
            *warnings(manuscript, screenplay, located, takes, in_passes),
            *begun_otherwise(takes, placement, Vault(work)),
            *memory_warnings(placement),
        ),
        options=_options(request),
        music_hash=_music_hash(screenplay, manuscript),
        gpus=request.gpus,
        told_by=request.told_by,
    )


def _film(
    manuscript: Manuscript,
    located: LocatedModel,
    request: Request,
    past: Past,
    in_passes: frozenset[int],
) -> _Film:
    """What all takes share, once nothing is wrong with any."""
    spoken, spec, counter = _spoken(request), located.spec, TokenCounter(located)
    experts = Experts(count=spec.experts, recorded=past.experts)
    placed = film_loras(manuscript, request, experts)
    loras = tuple(lora for lora, _ in placed)
    size = _size(manuscript, spec, request, past)
    screenplay = manuscript.accepted(
        [
            *settings_problems(manuscript, spec, past.sampling),
            *profile_problems(manuscript, spec, request, past.sampling),
            *scene_problems(manuscript, spec, size, request.outside),
            *text_problems(manuscript, counter, spoken, in_passes),
            *film_lora_problems(manuscript, placed, experts, located),
        ]
    ).model_copy(update=spoken)
    choice = choice_of(screenplay, request)
    sampling = past.sampling.get(choice.name) or sampling_of(screenplay, spec, choice)
    _require_grid(sampling, spec)
    return _Film(
        screenplay=screenplay,
        spec=spec,
        identity={**located.identity(), **past.identity},
        loras=loras,
        experts=experts,
        carries_loras=bool(loras) or has_shot_loras(screenplay),
        choice=choice,
        sampling=sampling,
        fps=frame_rate(screenplay.fps or spec.fps),
        counter=counter,
        device=pick_device(request.device),
        folder=manuscript.source.path.parent,
        draft=request.draft,
        gpus=request.gpus,
    )


def _require_grid(sampling: Sampling, spec: ModelSpec) -> None:
    """Raises InputError where a film says that it was sampled at a size that its model has not."""
    if sampling.width % spec.size_multiple or sampling.height % spec.size_multiple:
        raise InputError(
            f"{spec.name} films no {sampling.width}x{sampling.height}: its sides are multiples of "
            f"{spec.size_multiple}",
            hint="the film's tags were changed: take the file that holocine rendered",
        )


def with_placement(plan: Plan, takes: Sequence[Take], memory: str) -> Plan:
    """A plan with other takes: where its networks lie is chosen anew, for what of these was begun.

    Args:
        plan: Of the same film and model.
        takes: With their final keys.
        memory: The placement that is asked for.
    """
    stated, placement, obstacles = _stated(
        (plan.model, plan.identity, plan.loras),
        tuple(takes),
        Machine(device=plan.device, memory=memory, gpus=plan.gpus),
        (plan.work, plan.out),
    )
    return replace(plan, takes=stated, placement=placement, obstacles=obstacles)


def _stated(
    model: tuple[LocatedModel, Mapping[str, str], tuple[LoraFile, ...]],
    takes: tuple[Take, ...],
    machine: Machine,
    places: tuple[Path, Path],
) -> tuple[tuple[Take, ...], Placement, tuple[Problem, ...]]:
    """Takes with what the work folder holds of them, where the networks will lie, and what is in
    the way.

    Args:
        model: Its files, what they hold, and the LoRAs over them.
        takes: Of the film.
        machine: That it is made on.
        places: The work folder's and the film's.
    """
    located, identity, loras = model
    work, film = places
    vault = Vault(work)
    placement, obstacles = place(located, takes, loras, machine, vault)
    shot = cache(lambda: shot_before(vault, film))
    takes = tuple(with_state(take, placement, vault, shot, len(takes)) for take in takes)
    damaged = damaged_files(located, takes, vault)
    return takes, placement, (*damaged, *obstacles, *gone_weights(located, identity, takes, vault))


def _size(
    manuscript: Manuscript, spec: ModelSpec, request: Request, past: Past
) -> tuple[int, int] | None:
    """The film's width and height, where the screenplay is whole enough to tell."""
    if manuscript.screenplay is None:
        return None
    choice = choice_of(manuscript.screenplay, request)
    chosen = past.sampling.get(choice.name) or profile_of(manuscript.screenplay, spec, choice)
    return chosen.width, chosen.height


def _music_hash(screenplay: Screenplay, manuscript: Manuscript) -> str:
    if screenplay.music is None:
        return ""
    return file_hash(manuscript.source.path.parent / screenplay.music.file)


def _options(request: Request) -> dict[str, Any]:
    """What of the call moves the picture, as it is typed."""
    loras = {"lora": told(request.loras)} if request.loras else {}
    named = {"expert-high": request.expert_high, "expert-low": request.expert_low}
    experts = {option: str(path) for option, path in named.items() if path is not None}
    drafts = {"draft": request.draft} if request.draft > 1 else {}
    return {**_spoken(request), **request.settings, **experts, **loras, **drafts}


def _revisions(located: LocatedModel) -> dict[str, str]:
    """Commit of every repository the model was fetched from, by the models folder's lock."""
    lock = read_lock(located.folder)
    repos = sorted(source.repo for source in located.spec.sources)
    return {repo: lock[repo].revision for repo in repos if repo in lock}


def _spoken(request: Request) -> dict[str, Any]:
    """Settings given with the call, which go before the screenplay's."""
    given = {"profile": request.profile, "model": request.model, "seed": request.seed}
    return {key: value for key, value in given.items() if value is not None}


def _locate(manuscript: Manuscript, request: Request) -> LocatedModel:
    if request.located is not None:
        return request.located
    usual = "" if request.outright else "nano"
    name = request.model or manuscript.source.data.get("model") or usual
    try:
        return find_model(str(name), request.models_dir, request.outright, request.resolved)
    except InputError as error:
        here: Sequence[Problem] = ()
        if request.model is None:
            here = [manuscript.problem(("model",), error.message, error.hint)]
        elif "model" in request.told_by:
            here = [Problem(error.message, request.told_by["model"], error.hint)]
        found = in_file_order([*manuscript.problems, *(here or error.problems)])
        raise InputError.of(found) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    """What all takes of a film share."""

    screenplay: Screenplay
    spec: ModelSpec
    identity: Mapping[str, str]
    loras: tuple[LoraFile, ...]
    experts: Experts
    carries_loras: bool
    """Whether its networks do, the film's or those of any take's shots."""
    choice: ProfileChoice
    sampling: Sampling
    fps: Fraction
    counter: TokenCounter
    device: str
    folder: Path
    """Of the screenplay; sounds are relative to it."""
    draft: int
    gpus: int


def _take(film: _Film, index: int) -> Take:
    screenplay, sampling = film.screenplay, film.sampling
    scene = screenplay.scenes[index]
    timing = resolve(scene, film.fps, film.spec.max_frames)
    assert isinstance(timing, Timing)
    prompt = compose(screenplay, scene)
    seed = screenplay.seed if scene.seed is None else scene.seed
    seed = (seed + film.draft - 1) % 2**63
    ingredients = {
        "caption": prompt.caption,
        "captions": prompt.captions,
        "prompt": prompt.windows if sampling.text == "per-shot" else prompt.text,
        "negative": clean(screenplay.negative) if sampling.guidance > 1 else "",
        "frames": timing.timeline.frames,
        "cuts": timing.timeline.cuts,
        "seed": seed,
        "sampling": sampling.record(),
        "model": {part: mark for part, mark in film.identity.items() if part != "vae"},
        "settings": [
            film.spec.experts,
            film.spec.boundary,
            film.spec.text_tokens,
            film.spec.text_padding,
            film.spec.low_precision_timestep,
        ],
        "lora": marks(film.loras),
    }
    pictures = _pictures(film, scene, timing.timeline)
    if pictures:  # Takes without any keep the fingerprint that they always had.
        ingredients["pictures"] = [[one.latent, one.content] for one in pictures]
        ingredients["held"] = "clean" if film.spec.clean_shots else "renoised"
        ingredients["codec"] = film.identity.get("vae")
    if not film.spec.guide_summaries and sampling.guidance > 1:
        ingredients["guide_summaries"] = False
    loras = shot_loras(scene, film.folder, film.experts)
    if loras:
        ingredients["shot_lora"] = shot_marks(loras)
    latents_key = fingerprint(ingredients)
    last = index == len(screenplay.scenes) - 1
    return Take(
        index=index,
        scene=screenplay.scene_id(index),
        prompt=prompt,
        negative=screenplay.negative,
        timing=timing,
        sampling=sampling,
        seed=seed,
        tokens=film.counter.longest(prompt, sampling.text),
        latents_key=latents_key,
        progress_key="",
        clip_key=fingerprint([latents_key, film.identity.get("vae"), str(film.fps)]),
        sound_hash=file_hash(film.folder / scene.sound.file) if scene.sound is not None else "",
        ingredients=ingredients,
        cost=_cost(film, timing.timeline),
        sound=scene.sound,
        transition=("cut", 0) if last else transition_of(scene, film.fps),
        pictures=pictures,
        loras=loras,
    )


def _cost(film: _Film, timeline: Timeline) -> TakeCost:
    lora, gpus = film.carries_loras, film.gpus
    return take_cost(film.spec, film.sampling, film.device, timeline, lora=lora, gpus=gpus)


def _pictures(film: _Film, scene: Scene, timeline: Timeline) -> tuple[KnownPicture, ...]:
    found = []
    for held in held_pictures(scene, timeline):
        assert isinstance(held, Held), "checked with the scene's times"
        path = film.folder / held.file
        found.append(KnownPicture(path=path, content=file_hash(path), latent=held.latent))
    return tuple(found)
