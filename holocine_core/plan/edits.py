"""A plan of a film with edits: each made in the context of the film as it was before.

An edited take is based on the one before, which stays in the work folder: so edits can be undone,
and are made again only where that take is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from holocine_core.errors import InputError
from holocine_core.plan.check import TokenCounter
from holocine_core.plan.costs import take_cost
from holocine_core.plan.loras import has_shot_loras
from holocine_core.plan.make import make_plan, with_placement
from holocine_core.plan.passes import choose_shots, pass_of
from holocine_core.plan.upscale import make_upscaled_plan, require_drafts
from holocine_core.plan.values import NO_PAST, KnownFrames, Past, Plan, Take
from holocine_core.request import Request
from holocine_core.script.edits import Extend, Reshoot, edited
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.reader import manuscript_with
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.timeline import TEMPORAL_STRIDE, LatentSpan
from holocine_core.script.timing import Timing, resolve
from holocine_core.script.yaml_source import Key, Source
from holocine_core.store.vault import fingerprint


def make_edited_plan(
    manuscript: Manuscript,
    request: Request,
    edits: Sequence[Reshoot | Extend],
    past: Past = NO_PAST,
    told: Source | None = None,
) -> Plan:
    """Resolve a screenplay and its edits into takes: the film once, and per edit its scene again.

    Args:
        manuscript: The screenplay.
        request: What is asked for beside it.
        edits: In order.
        past: What the film was made with.
        told: The file with the shots that the last edit adds; problems name its places.

    Raises:
        InputError: As :func:`make_plan`, or an edit that the film has no place for.
        MachineError: There is no such device.
    """
    begin = make_plan if request.from_draft is None else make_upscaled_plan
    plan = require_drafts(begin(manuscript, request, past))
    for edit in edits:
        added = told if edit is edits[-1] else None
        plan = _after(plan, manuscript.source, request, past, edit, added)
    return with_placement(plan, plan.takes, request.memory) if edits else plan


def _after(
    plan: Plan,
    source: Source,
    request: Request,
    past: Past,
    edit: Reshoot | Extend,
    added: Source | None,
) -> Plan:
    take = next((take for take in plan.takes if take.scene == edit.scene), None)
    if take is None:
        names = ", ".join(take.scene for take in plan.takes)
        raise InputError(f"the film has no scene '{edit.scene}'", hint=f"its scenes: {names}")
    _refuse(plan, take, edit, added)
    try:
        _refuse_to_move(plan, take, edit)
        changed = edited(plan.screenplay, edit, take.timeline)
    except ValueError as error:
        raise InputError(
            f"scene '{edit.scene}': {error}", hint="or change the screenplay and render it anew"
        ) from None
    others = {old.index: old for old in plan.takes if old is not take}
    places = _elsewhere(source, take, edit, added)
    source = replace(source, elsewhere=places)
    manuscript, passes = manuscript_with(changed, source), _in_passes(changed, plan, edit)
    try:
        fresh = make_plan(manuscript, request, past, earlier=others, in_passes=passes)
    except InputError as error:
        where = f"the edit of scene '{edit.scene}'" if added is None else str(added.path)
        known = set(places.values())
        told = [p if p.where in known else replace(p, where=where) for p in error.problems]
        raise InputError.of(told) from None
    takes = (*plan.takes[: take.index], _based(fresh.takes[take.index], take, edit, plan))
    return replace(
        plan,
        screenplay=changed,
        takes=(*takes, *plan.takes[take.index + 1 :]),
        warnings=fresh.warnings,
        edits=(*plan.edits, edit),
    )


def _elsewhere(
    source: Source, take: Take, edit: Reshoot | Extend, added: Source | None
) -> Mapping[Key, str]:
    """Where the parts of a screenplay stand that an edit brings in."""
    shots: Key = ("scenes", take.index, "shots") if "scenes" in source.data else ("shots",)
    if isinstance(edit, Reshoot):
        return {} if edit.prompt is None else {(*shots, edit.shot - 1, "prompt"): "--prompt"}
    if added is None:
        return {}
    found: dict[Key, str] = {}
    for number in range(len(edit.shots)):
        found |= added.moved(("shots", number), (*shots, take.timeline.shots + number))
    return found


def _refuse(plan: Plan, take: Take, edit: Reshoot | Extend, added: Source | None) -> None:
    shots = take.timeline.shots
    if isinstance(edit, Reshoot) and not edit.shot <= shots:
        raise InputError(
            f"the film has no shot {plan.shot_name(take, edit.shot - 1)}",
            hint=f"scene '{take.scene}' has {shots} shot" + "s" * (shots > 1),
        )
    if isinstance(edit, Reshoot) and shots == 1:
        raise InputError(
            f"scene '{take.scene}' is one shot: nothing would be kept",
            hint="change the screenplay, or give the scene another `seed`, and render it",
        )
    if isinstance(edit, Extend):
        for number, shot in enumerate(edit.shots, 1):
            if shot.seconds is None and shot.frames is None:
                raise InputError(
                    f"added shot {number} has no length",
                    where="" if added is None else added.where(("shots", number - 1)),
                    hint="give it `seconds` or `frames`",
                )


def _refuse_to_move(plan: Plan, take: Take, edit: Reshoot | Extend) -> None:
    """Raises InputError for a length off the grid where the screenplay takes none."""
    if not isinstance(edit, Reshoot) or not plan.screenplay.strict:
        return
    length = edit.length(take.timeline)
    if length is None or not length.moved:
        return
    raise InputError(
        f"shot {plan.shot_name(take, edit.shot - 1)} would last {length.got} frames, not "
        f"{float(length.asked):g}: shots begin on the 4t+1 grid, and the screenplay is `strict`",
        hint=f"ask for {length.got} frames",
    )


def _based(fresh: Take, base: Take, edit: Reshoot | Extend, plan: Plan) -> Take:
    """The edited take: what it keeps of the one before is part of its fingerprint."""
    if isinstance(edit, Reshoot) and not _others_stay(fresh, base, edit):
        raise InputError(
            f"the new text would move the cuts of scene '{edit.scene}'",
            hint="leave HoloCine's markers out of it",
        )
    spans = fresh.timeline.latent_spans
    if isinstance(edit, Reshoot):
        new = [edit.shot - 1]
        stays = _joined([span for i, span in enumerate(spans) if i not in new])
    else:
        new = list(range(base.timeline.shots, fresh.timeline.shots))
        stays = (LatentSpan(0, base.timeline.latent_frames),)
    known = KnownFrames(
        base=base,
        spans=stays,
        method="clean" if plan.model.spec.clean_shots else "renoised",
        shots=_seen(fresh, new, base, plan),
    )
    ingredients = {
        **fresh.ingredients,
        "seed": edit.seed,
        "kept": {
            "take": base.latents_key,
            "latent_frames": [[span.start, span.stop] for span in stays],
            "method": known.method,
            **({} if known.shots is None else {"shots_seen": [n + 1 for n in known.shots]}),
        },
    }
    key = fingerprint(ingredients)
    take = replace(
        fresh,
        seed=edit.seed,
        known=known,
        ingredients=ingredients,
        latents_key=key,
        clip_key=fingerprint([key, plan.identity.get("vae"), str(plan.fps)]),
    )
    return take if known.shots is None else _in_a_pass(take, plan)


def _others_stay(fresh: Take, base: Take, edit: Reshoot) -> bool:
    """Whether every shot but the one that gets another length has the length that it had."""
    lengths = [[len(span) for span in take.timeline.shot_spans] for take in (fresh, base)]
    if (length := edit.length(base.timeline)) is not None:
        lengths[1][edit.shot - 1] = length.got
    return lengths[0] == lengths[1]


def _in_passes(changed: Screenplay, plan: Plan, edit: Reshoot | Extend) -> frozenset[int]:
    """Edited scenes that are longer than the model was trained for."""
    edited_ids = {one.scene for one in (*plan.edits, edit)}
    longest = plan.model.spec.max_frames
    found = set()
    for i, (scene, name) in enumerate(zip(changed.scenes, changed.scene_ids(), strict=True)):
        timing = resolve(scene, plan.fps, longest) if name in edited_ids else None
        if isinstance(timing, Timing) and timing.timeline.frames > longest:
            found.add(i)
    return frozenset(found)


def _seen(fresh: Take, new: Sequence[int], base: Take, plan: Plan) -> tuple[int, ...] | None:
    """The shots that the edit's pass sees; None where it sees the whole scene."""
    longest = plan.model.spec.max_frames
    if fresh.timeline.frames <= longest:
        return None
    spans = fresh.timeline.latent_spans
    room = (longest - 1) // TEMPORAL_STRIDE + 1
    shots = choose_shots(fresh.prompt.captions, spans, new, room)
    shorter = fresh.timeline.frames <= base.timeline.frames
    if shots is None and shorter and pass_of(base) is base:
        return None  # The scene was made in one pass, too long as it is; so can its shot be.
    if shots is None:
        raise InputError(
            f"scene '{fresh.scene}': its first shot and those to make take more than the "
            f"{longest} frames that {plan.model.spec.name} sees in one pass",
            hint="give the shot fewer frames"
            if fresh.timeline.shots == base.timeline.shots
            else "add fewer or shorter shots at a time",
        )
    return shots


def _in_a_pass(take: Take, plan: Plan) -> Take:
    """The take with what its pass costs and reads."""
    shown = pass_of(take)
    tokens = TokenCounter(plan.model).longest(shown.prompt, take.sampling.text)
    if tokens.count > tokens.limit:
        raise InputError(
            f"scene '{take.scene}': the shots of its pass have {tokens.count} tokens; the model "
            f"reads {tokens.limit}",
            hint="shorten the new shots' text, or add fewer at a time",
        )
    cost = take_cost(
        plan.model.spec,
        take.sampling,
        plan.device,
        take.timeline,
        shown.timeline,
        lora=bool(plan.loras) or has_shot_loras(plan.screenplay),
    )
    return replace(take, tokens=tokens, cost=cost)


def _joined(spans: Sequence[LatentSpan]) -> tuple[LatentSpan, ...]:
    """Spans that follow each other as one."""
    found: list[LatentSpan] = []
    for span in spans:
        if found and found[-1].stop == span.start:
            found[-1] = LatentSpan(found[-1].start, span.stop)
        else:
            found.append(span)
    return tuple(found)
