"""A plan as people read it and as scripts do; ``plan`` and ``render --dry-run`` both show this."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from holocine_cli.contract import problem_record
from holocine_cli.layout import columns, sampler_told, wrapped
from holocine_core.api import clock, counted, memory, scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holocine_cli.console import Paint
    from holocine_core.api import Cache, LoraFile, Moved, Plan, Sampling, Take

STATE_COLORS = {"new": "cyan", "changed": "yellow", "reuse": "green"}
SHOWN = 2**27
"""Bytes of weights that are read again and again, below which nobody asks for them."""
CUTS_WIDTH = 62
"""Columns of a scene's cuts before they go on in the next line."""


# --- for people ----------------------------------------------------------------------------------


def plan_text(plan: Plan, force: bool, paint: Paint) -> str:
    """The plan as a page: the film, its takes, what they cost."""
    lines = [paint(plan.title, bold=True), ""]
    lines += columns([(paint(name, dim=True), text) for name, text in _facts(plan, force, paint)])
    lines += ["", *_takes_table(plan, paint), "", f"  {_summary(plan)}"]
    for hint, obstacles in groupby(plan.obstacles, key=lambda obstacle: obstacle.hint):
        lines += [f"  {paint('but', 'red', bold=True)}: {one.message}" for one in obstacles]
        lines += [f"    hint: {hint}"] if hint else []
    return "\n".join(lines)


def _guidance(sampling: Sampling) -> str:
    told = f"guidance {sampling.guidance:g}"
    if 0 < sampling.guided_steps < sampling.steps:
        told += f" in the first {sampling.guided_steps}"
    return told


def _cache(cache: Cache) -> str:
    amount = cache.interval if cache.kind == "taylor" else cache.threshold
    return f"cache {cache.kind} {amount:g}"


def _profile(plan: Plan) -> str:
    """The profile with its settings; behind each who set it, where that is neither the model nor
    the screenplay."""
    sampling, choice = plan.takes[0].sampling, plan.choice
    told = {
        "steps": counted(sampling.steps, "step"),
        "sampler": sampler_told(sampling.sampler, sampling.eta),
        "guidance": _guidance(sampling),
        "shift": f"shift {sampling.shift:g}",
    }
    if sampling.cache is not None:
        told["cache"] = _cache(sampling.cache)
    parts = [f"{text}{_by(plan, _WITH.get(name, (name,)))}" for name, text in told.items()]
    name = choice.name if choice.own is None else f"{choice.name} ({choice.base})"
    return f"{name}{_told(plan, 'profile')}: {', '.join(parts)}"


_WITH = {"sampler": ("sampler", "eta"), "guidance": ("guidance", "guidance_stop")}
"""Settings that are told with another."""


def _by(plan: Plan, names: Sequence[str]) -> str:
    sources = dict.fromkeys(source for name in names if (source := plan.choice.source(name)))
    return f" by {' and '.join(sources)}" if sources else ""


def _model(plan: Plan) -> str:
    attention = plan.takes[0].sampling.attention
    return f"{plan.model.spec.name}{_told(plan, 'model')}, {attention} attention"


def _facts(plan: Plan, force: bool, paint: Paint) -> list[tuple[str, str]]:
    from holocine_core import api

    there = api.target(plan, force=force)
    color = {"refused": "red", "replaced": "yellow", "up-to-date": "green"}.get(there.state, "")
    facts = [
        ("screenplay", str(plan.screenplay_path)),
        ("film", f"{plan.out}{_told(plan, 'out')}  {paint(f'({there.words})', color)}"),
        ("picture", _picture(plan)),
        ("model", _model(plan)),
        ("profile", _profile(plan)),
        ("device", _device(plan)),
        ("memory", _memory(plan)),
        ("work", f"{plan.work}{_told(plan, 'work')}"),
    ]
    if plan.model.resolved:
        parts = plan.model.components.items()
        named = [f"{plan.model.called(part)}: {files.paths[0].name}" for part, files in parts]
        facts.append(("files", "\n".join(named)))
    facts += [("lora", f"{lora.path} x {lora.weight:g}, {_expert(lora)}") for lora in plan.loras]
    facts += [
        (
            "lora",
            f"{one.lora.path} x {one.lora.weight:g}, {_expert(one.lora)}: shot "
            f"{plan.shots_named(take, one.shots)}",
        )
        for take in plan.takes
        for one in take.loras
    ]
    facts += [
        (f"{name} card", f"{card.line}, {card.frames} frames") for name, card in api.cards_of(plan)
    ]
    return facts


def _told(plan: Plan, field: str) -> str:
    """Which file or variable said it; nothing where the call or the screenplay did."""
    return f" ({plan.told_by[field]})" if field in plan.told_by else ""


def _expert(lora: LoraFile) -> str:
    return f"expert {lora.expert}" + (f" by {lora.told_by}" if lora.told_by else "")


def _device(plan: Plan) -> str:
    """Where, how and why; of several devices memory is told of one."""
    device = plan.device if plan.gpus == 1 else f"{plan.gpus} x {plan.device}, each"
    there = "; no such GPU was looked at" if plan.placement.is_imagined else ""
    how = f"{plan.placement.strategy}{_told(plan, 'memory')}: {plan.placement.reason}"
    return f"{device}{_told(plan, 'device')}, {how}{there}"


def _memory(plan: Plan) -> str:
    """Estimates of the device's memory at the tightest moment, and of main memory."""
    placement, host = plan.placement, plan.placement.host
    free, where = placement.main_free, "main memory"
    if plan.gpus > 1:
        where += f" by {plan.gpus} processes"
    told = [f"{memory(host.held)} of {where}"]
    if plan.device != "cpu":
        told.insert(0, f"{memory(placement.peak_bytes)} of the GPU, {placement.tightest}")
    if host.mapped >= SHOWN:
        told.append(f"{memory(host.mapped)} more of it to keep the weights read")
    if free is not None:
        told.append(f"{memory(free)} free")
    elif placement.is_imagined:
        told.append("what this machine has of it was not looked at")
    return "; ".join(told)


def _picture(plan: Plan) -> str:
    sampling, delivery = plan.takes[0].sampling, plan.delivery
    size = f"{sampling.width}x{sampling.height}"
    size += _by(plan, ["size"])
    text = f"{size}, {round(float(plan.fps), 3):g} fps, {delivery.codec}"
    if (delivery.width, delivery.height, delivery.fps) != (
        sampling.width,
        sampling.height,
        plan.fps,
    ):
        text += (
            f"; delivered as {delivery.width}x{delivery.height}, "
            f"{round(float(delivery.fps), 3):g} fps ({delivery.motion})"
        )
    return text


def _takes_table(plan: Plan, paint: Paint) -> list[str]:
    head = ("scene", "shots", "frames", "seconds", "tokens", "seed")
    rows = [[paint(name, dim=True) for name in head]]
    rows += [_take_cells(take, paint) for take in plan.takes]
    first, *lines = columns(rows, right=frozenset({1, 2, 3, 4, 5}))
    page = [first]
    for take, line in zip(plan.takes, lines, strict=True):
        page += [line, *_cuts(plan, take, paint)]
        state = paint(take.state, STATE_COLORS[take.state], bold=True)
        page.append(f"    {state}: {take.reason}{_cost(take)}")
        if take.transition[0] != "cut":
            page.append(f"    {paint(_passing(take), dim=True)}")
    return page


def _cuts(plan: Plan, take: Take, paint: Paint) -> list[str]:
    """Where each shot but the first begins, by its name."""
    timing = take.timing
    told = zip(timing.cuts, timing.cuts_given, strict=True)
    places = [
        f"{plan.shot_name(take, shot)} at frame {_moved(cut, given, paint)}"
        for shot, (cut, given) in enumerate(told, 1)
    ]
    if not places:
        return []
    begin = "cuts to shot "
    lines = wrapped([*(f"{place}," for place in places[:-1]), places[-1]], CUTS_WIDTH).split("\n")
    return [f"    {begin if i == 0 else ' ' * len(begin)}{line}" for i, line in enumerate(lines)]


def _passing(take: Take) -> str:
    kind, frames = take.transition
    return f"then a {kind} of {counted(frames, 'frame')} ({take.timeline.seconds(frames):.2f} s)"


def _cost(take: Take) -> str:
    if take.state == "reuse":
        return ""
    beside = memory(max(take.cost.activation_bytes, take.cost.decode_bytes))
    return f" ({scaled(take.cost.flops, 'FLOP')}, {beside} beside the weights)"


def _take_cells(take: Take, paint: Paint) -> list[str]:
    timing, tokens = take.timing, take.tokens
    return [
        paint(take.scene, bold=True),
        str(take.timeline.shots),
        _moved(timing.length, timing.length_given, paint),
        f"{take.timeline.seconds(take.timeline.frames):.1f}",
        f"{'' if tokens.exact else '~'}{tokens.count}/{tokens.limit}",
        str(take.seed),
    ]


def _moved(value: Moved, given: bool, paint: Paint) -> str:
    """A frame number; with what was asked for where a person asked and the grid moved it."""
    if not (given and value.moved):
        return str(value.got)
    return paint(f"{float(value.asked):g}->{value.got}", "yellow", bold=True)


def _summary(plan: Plan) -> str:
    overlaps = sum(
        frames for kind, frames in (t.transition for t in plan.takes) if kind == "crossfade"
    )
    frames = sum(take.timeline.frames for take in plan.takes) - overlaps
    from holocine_core import api

    frames += sum(card.frames for _, card in api.cards_of(plan))
    waiting = [take for take in plan.takes if take.state != "reuse"]
    text = (
        f"{counted(len(plan.takes), 'take')}, {frames} frames, {clock(float(frames / plan.fps))}; "
    )
    if not waiting:
        return f"{text}nothing to shoot"
    left = sum(take.cost.flops * (1 - take.step / take.sampling.steps) for take in waiting)
    return f"{text}{len(waiting)} to shoot: {scaled(left, 'FLOP')}, {how_long([plan])}"


def how_long(plans: Sequence[Plan]) -> str:
    """How long films will take, in words."""
    from holocine_core import api

    found = api.estimate(plans)
    if found is None:
        return "how long is not measured here yet"
    where = "" if found.source == api.HERE else f" on {found.source}"
    return f"about {clock(found.seconds)}{where}"


# --- for scripts ---------------------------------------------------------------------------------


def plan_record(plan: Plan, *, force: bool) -> dict[str, Any]:
    """The plan inside the JSON document."""
    from holocine_core import api

    there, delivery = api.target(plan, force=force), plan.delivery
    return {
        "screenplay": str(plan.screenplay_path),
        "film": str(plan.out),
        "target": {"state": there.state, "message": there.words},
        "work": str(plan.work),
        "title": plan.title,
        "model": {
            "name": plan.model.spec.name,
            "licence": plan.model.spec.licence,
            "missing": [str(file.path) for file in plan.model.missing],
            "files": {p: str(files.paths[0]) for p, files in plan.model.components.items()},
        },
        "profile": plan.profile,
        "base": plan.choice.base,
        "asked": {**plan.choice.given},
        "told_by": dict(plan.told_by),
        "lora": [
            {
                "file": str(lora.path),
                "weight": lora.weight,
                "expert": lora.expert,
                "told_by": lora.told_by or None,
            }
            for lora in plan.loras
        ],
        "device": plan.device,
        "gpus": plan.gpus,
        "placement": {
            "strategy": plan.placement.strategy,
            "precision": plan.placement.precision,
            "peak_bytes": plan.placement.peak_bytes,
            "reason": plan.placement.reason,
            "imagined": plan.placement.is_imagined,
            "phases": dict(plan.placement.phases),
            "main_memory": {
                "held_bytes": plan.placement.host.held,
                "mapped_bytes": plan.placement.host.mapped,
                "free_bytes": plan.placement.main_free,
            },
        },
        "fps": float(plan.fps),
        "delivery": {
            "width": delivery.width,
            "height": delivery.height,
            "fps": float(delivery.fps),
            "motion": delivery.motion,
            "codec": delivery.codec,
            "quality": delivery.quality,
        },
        "to_shoot": plan.to_shoot,
        "estimate": estimate_record([plan]),
        "takes": [planned_take(take, len(plan.takes)) for take in plan.takes],
        "obstacles": [problem_record(problem) for problem in plan.obstacles],
        "warnings": [problem_record(problem) for problem in plan.warnings],
    }


def estimate_record(plans: Sequence[Plan]) -> dict[str, Any] | None:
    """How long films will take inside the document; None where it is not known."""
    from holocine_core import api

    found = api.estimate(plans)
    return None if found is None else {"seconds": found.seconds, "source": found.source}


def planned_take(take: Take, scenes: int) -> dict[str, Any]:
    """One take of the plan inside the document; the plan has so many."""
    from holocine_core.api import shot_name, take_record

    record = take_record(take)
    shots = [
        {"name": shot_name(take.scene, number, scenes), **shot}
        for number, shot in enumerate(record["shots"], 1)
    ]
    loras = [
        {**lora, "names": [shot_name(take.scene, shot, scenes) for shot in lora["shots"]]}
        for lora in record["lora"]
    ]
    return {
        **record,
        "shots": shots,
        "lora": loras,
        "state": take.state,
        "reason": take.reason,
        "step": take.step,
        "tokens": {
            "count": take.tokens.count,
            "limit": take.tokens.limit,
            "exact": take.tokens.exact,
        },
        "cost": {
            "flops": take.cost.flops,
            "activation_bytes": take.cost.activation_bytes,
            "decode_bytes": take.cost.decode_bytes,
        },
    }
