"""A finished film -> a plan of it with another edit: reshoot, extend.

May import: provenance, standing, plan, script, vault, edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.errors import InputError
from holocine_core.film.finish import shots_seen, stitch_job
from holocine_core.film.ownership import film_is_ours
from holocine_core.film.provenance import Inspection, inspect
from holocine_core.film.record import own_profiles, read_sidecar
from holocine_core.plan.before import recorded_experts, recorded_sampling
from holocine_core.plan.edits import make_edited_plan
from holocine_core.plan.title_cards import card_of
from holocine_core.plan.values import Past, Plan, Take
from holocine_core.request import WORK, Fallback, Request, stem_of
from holocine_core.script.edits import Extend, Reshoot, read_edits
from holocine_core.script.file_kinds import require_screenplay_file
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import mentions
from holocine_core.script.reader import manuscript_of
from holocine_core.script.screenplay import Screenplay, Shot
from holocine_core.script.shot_names import Place, find_shot
from holocine_core.script.timeline import FrameSpan
from holocine_core.script.yaml_source import Source, parse_source, read_source
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import Vault


def open_film(film: Path, request: Request = Request()) -> tuple[Inspection, Plan]:
    """A film's own plan, made again from what it says of itself.

    Args:
        film: Its file.
        request: The machine, its LoRAs and, where it has moved, the work folder.

    Raises:
        InputError: It is no film of holocine's; or the model, the LoRAs or holocine have changed
            since, so that the same screenplay would be another film.
        MachineError: There is no such device.
    """
    found = inspect(film)
    plan = replan(found, read_edits(found.provenance.get("edits", [])), replace(request, out=None))
    if not film_is_ours(plan):
        raise InputError(
            f"{film.name} would not be made again as it is: its model, its LoRAs or its sounds are "
            "others now",
            where=str(film),
            hint="give the LoRAs of its call with --lora again, or render its screenplay anew "
            "(holocine inspect --extract)",
        )
    return found, plan


def replan(
    found: Inspection,
    edits: Sequence[Reshoot | Extend],
    request: Request = Request(),
    told: Source | None = None,
) -> Plan:
    """A plan of a film's screenplay with these edits.

    Args:
        found: The film.
        edits: All of them, those that it has included.
        request: Where it goes, by which machine; all else is as the film was made.
        told: The file with the shots that the last edit adds.

    Raises:
        InputError: The edits have no place in the film, or its files are gone.
        MachineError: There is no such device.
    """
    made = found.provenance
    work, screenplay = _whereabouts(found, request)
    options = made.get("options", {})
    # As it was sampled, by the weights that made it: whatever the model's card says today.
    past = Past(
        sampling=recorded_sampling(made, Vault(work)),
        identity=made["model"]["files"],
        experts=recorded_experts(made),
    )
    request = replace(
        request,
        out=request.out or found.path,
        work=work,
        profile=options.get("profile"),
        profiles=own_profiles(made),
        steps=options.get("steps"),
        guidance=options.get("guidance"),
        size=options.get("size"),
        model=options.get("model"),
        expert_high=options.get("expert-high"),
        expert_low=options.get("expert-low"),
        resolved=made["model"].get("resolved", {}),
        seed=options.get("seed"),
        draft=options.get("draft", 1),
        outside=True,
        from_draft=options.get("from-draft"),
        fallback=Fallback(),  # What the film does not say, its screenplay does.
    )
    manuscript = _manuscript(found, screenplay)
    if request.from_draft is not None and "draft" not in past.sampling:
        past = _with_draft(found, manuscript, request, past)
    plan = make_edited_plan(manuscript, request, edits, past, told)
    # A film without `title:` is named after its screenplay's file, which a copy has not beside it.
    return replace(plan, title=str(made["title"]))


def _manuscript(found: Inspection, screenplay: Path) -> Manuscript:
    """A film's screenplay; messages name the file only where it says the same today."""
    source = parse_source(found.screenplay, screenplay)
    try:
        same = screenplay.read_text(encoding="utf-8") == found.screenplay
    except (OSError, ValueError):
        same = False
    here = screenplay.is_relative_to(Path.cwd())
    shown = str(screenplay.relative_to(Path.cwd()) if here else screenplay)
    name = shown if same else f"the screenplay in {found.path}"
    return manuscript_of(replace(source, called=name))


def _whereabouts(found: Inspection, request: Request) -> tuple[Path, Path]:
    """A film's work folder and its screenplay's file, by its sidecar where nothing else is said.

    A sidecar comes with a film from wherever: a work folder that is not beside the film counts only
    where it holds a take of that film.

    Raises:
        InputError: The sidecar is damaged, or names a folder that is not this film's.
    """
    home = found.path.resolve().parent
    path = sidecar_path(found.path)
    try:
        told = {**read_sidecar(path), **found.beside}
    except InputError:
        if request.work is None:
            raise
        told = dict(found.beside)
    said = told.get("work")
    work = request.work or (home / str(said) if said else _found_by_takes(found))
    # Work folders are named after their screenplays.
    named = f"{found.path.stem}.yaml" if said or request.work else f"{work.name}.yaml"
    screenplay = home / str(told.get("screenplay_file") or named)
    beside = work.resolve().is_relative_to((home / WORK).resolve())
    if request.work is None and not beside and not _holds(work, found):
        raise InputError(
            f"the film says that its takes are in {work}, and none of them is",
            where=str(path),
            hint="name their folder with --work",
        )
    return work, screenplay


def _found_by_takes(found: Inspection) -> Path:
    """The work folder of a film that has lost its sidecar: beside the film, one that holds its
    takes; where there is none, the one that is named like it."""
    shelf = found.path.resolve().parent / WORK
    usual = shelf / stem_of(found.path)
    others = sorted(path for path in shelf.glob("*/") if path != usual)
    return next((path for path in (usual, *others) if _holds(path, found)), usual)


def _holds(work: Path, found: Inspection) -> bool:
    """Whether a work folder holds a take of a film."""
    keys = [str(take["fingerprint"]) for take in found.provenance["takes"]]
    return any(Vault(work).find("latents", key) is not None for key in keys)


def _with_draft(found: Inspection, manuscript: Manuscript, request: Request, past: Past) -> Past:
    """The past with the profiles that a film's draft had, where neither film nor work folder
    tells: those of the model's earlier ones that give the film its key."""
    own = read_edits(found.provenance.get("edits", []))
    here = replace(request, out=found.path)

    def planned(tried: Past) -> Plan:
        plan = make_edited_plan(manuscript, here, own, tried)
        return replace(plan, title=str(found.provenance["title"]))

    today = planned(past)
    for one in () if film_is_ours(today) else today.model.spec.earlier:
        if film_is_ours(planned(replace(past, profiles=one.profiles))):
            return replace(past, profiles=one.profiles)
    return past


def shot_place(plan: Plan, shot: str) -> tuple[Take, int]:
    """The take and number of a shot, from 1, by its name; see ``script.shot_names.find_shot``.

    Raises:
        InputError: There is no such shot, or a number could be several.
    """
    takes = {take.scene: take for take in plan.takes}
    film = {scene: take.prompt.shots for scene, take in takes.items()}
    scene, number = find_shot(shot, film, tuple(_counted(plan)))
    return takes[scene], number


def _counted(plan: Plan) -> Iterator[list[Place | None]]:
    """Orders in which somebody may have counted through a film: with its opening card, and without
    the shots that a crossfade swallows."""
    every: list[Place | None] = [
        (take.scene, n + 1) for take in plan.takes for n in range(take.timeline.shots)
    ]
    seen: list[Place | None] = [
        (take.scene, n + 1) for take, n, _ in shots_seen(plan, stitch_job(plan, Vault(plan.work)))
    ]
    yield seen
    if card_of(plan, "opening") is not None:
        yield [None, *every]
        yield [None, *seen]


def read_shots(
    path: Path, screenplay: Screenplay, given: bytes | None = None
) -> tuple[tuple[Shot, ...], Source]:
    """Shots to add to a film, from a YAML file with ``shots:``; and where everything stands there.

    Args:
        path: The file.
        screenplay: The film's; its characters can be named.
        given: What the file holds, where ``path`` only names it.

    Raises:
        InputError: With every problem of the file.
    """
    if given is None:
        require_screenplay_file(path)
    source = read_source(path, given)
    if not isinstance(source.data, dict) or set(source.data) != {"shots"}:
        raise InputError(
            "the file must hold `shots:` and nothing else",
            where=str(path),
            hint='such as: shots: [{prompt: "{mara} waves.", seconds: 2}]',
        )
    # Characters are the film's: those named here are declared beside the data, which keeps its
    # places in the file.
    named = {mention.name for text in _texts(source.data["shots"]) for mention in mentions(text)}
    known = {name: look for name, look in screenplay.characters.items() if name in named}
    data = {**source.data, **({"characters": known} if known else {})}
    manuscript = manuscript_of(replace(source, data=data))
    return manuscript.accepted().scenes[0].shots or (), source


def _texts(shots: Any) -> Iterator[str]:
    """Every prompt of a list of shots, whatever else is wrong with it."""
    for shot in shots if isinstance(shots, list) else ():
        prompt = shot.get("prompt") if isinstance(shot, dict) else shot
        if isinstance(prompt, str):
            yield prompt


def changed_frames(before: Take, after: Take, work: Path) -> tuple[FrameSpan, ...] | None:
    """Frames of a scene that differ between two takes of it, looked for in their clips: every shot
    is compared with itself, wherever it begins now.

    Args:
        before: The earlier take.
        after: With as many shots or more. Frames of shots that are added are not counted, those by
            which a shot is longer now are.
        work: Holds their clips.

    Returns:
        Frames of the later take; None where a clip is gone.
    """
    vault = Vault(work)
    entries = [vault.find("clips", take.clip_key) for take in (before, after)]
    if any(entry is None for entry in entries):
        return None
    old, new = (_frames(entry.path) for entry in entries if entry is not None)
    earlier = enumerate(old)
    places = _places_before(before.timeline.shot_spans, after.timeline.shot_spans)
    spans: list[FrameSpan] = []
    for at, (frame, place) in enumerate(zip(new, places, strict=False)):
        was = None if place is None else next((one for n, one in earlier if n == place), None)
        if was is not None and not (frame != was).any():
            continue
        if spans and spans[-1].stop == at:
            spans[-1] = FrameSpan(spans[-1].start, at + 1)
        else:
            spans.append(FrameSpan(at, at + 1))
    return tuple(spans)


def _places_before(before: Sequence[FrameSpan], after: Sequence[FrameSpan]) -> Iterator[int | None]:
    """Of every frame of the shots that there were, where it was; None where its shot was over."""
    for old, new in zip(before, after, strict=False):
        for i in range(len(new)):
            yield old.start + i if i < len(old) else None


def _frames(clip: Path) -> Iterator[Frames]:
    for chunk in read_frames(clip):
        yield from chunk
