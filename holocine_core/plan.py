"""Screenplay + profile + model -> Plan: every take with timeline, seed, fingerprint and reason.

``render`` executes a plan and nothing else; ``plan`` shows the very same value. No torch here, so a
plan costs a fraction of a second on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import InputError, Problem
from holocine_core.model.cost import TakeCost, take_cost
from holocine_core.model.locate import LocatedModel, find_model, load_tokenizer
from holocine_core.model.lora_file import LoraFile, check_lora_files
from holocine_core.model.lora_file import fingerprint as lora_fingerprint
from holocine_core.model.placement import Placement, choose_placement, free_memory, pick_device
from holocine_core.model.spec import ModelSpec, Quality
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.reader import Manuscript
from holocine_core.script.screenplay import Adjusted, Scene, Screenplay, Sound
from holocine_core.script.timeline import Timeline
from holocine_core.script.timing import Timing, resolve
from holocine_core.vault import Vault, fingerprint

State = Literal["new", "changed", "reuse"]
Passing = tuple[Literal["cut", "fade", "crossfade"], int]
"""A transition and its length in frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for beyond the screenplay. None leaves the screenplay's word."""

    out: Path
    work: Path
    profile: str | None = None
    model: str | None = None
    seed: int | None = None
    device: str = "auto"
    memory: str = "auto"
    """Placement of the networks: auto, or a strategy of ``model.placement``."""
    models_dir: Path | None = None
    loras: tuple[LoraFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a take is denoised."""

    width: int
    height: int
    steps: int
    guidance: float
    shift: float
    sampler: str
    text: Literal["scene", "per-shot"]
    attention: Literal["sparse", "full"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt's length. ``count`` is a lower bound where the tokenizer is not at hand."""

    count: int
    limit: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One scene to shoot: everything that decides its picture, and whether it is there already."""

    index: int
    scene: str
    prompt: ScenePrompt
    negative: str
    timing: Timing
    sampling: Sampling
    seed: int
    tokens: Tokens
    negative_key: str
    clip_key: str
    ingredients: Mapping[str, Any]
    """What the negative's fingerprint is made of."""
    state: State = "new"
    reason: str = ""
    step: int = 0
    """Denoising steps already saved."""
    cost: TakeCost
    sound: Sound | None = None
    transition: Passing = ("cut", 0)
    """How it passes into the next scene, with its length in frames."""

    @property
    def timeline(self) -> Timeline:
        return self.timing.timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The finished film's form."""

    width: int
    height: int
    fps: Fraction
    motion: Literal["plain", "interpolate"]
    fit: Literal["pad", "crop"]
    codec: Literal["h264", "h265", "av1", "prores"]
    quality: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A film to make."""

    screenplay_path: Path
    screenplay_text: str
    screenplay: Screenplay
    title: str
    profile: str
    model: LocatedModel
    loras: tuple[LoraFile, ...]
    device: str
    placement: Placement
    fps: Fraction
    takes: tuple[Take, ...]
    delivery: Delivery
    out: Path
    work: Path
    warnings: tuple[Problem, ...] = field(default=())

    @property
    def to_shoot(self) -> int:
        return sum(take.state != "reuse" for take in self.takes)


def make_plan(manuscript: Manuscript, request: Request) -> Plan:
    """Resolve a screenplay into takes.

    Raises:
        InputError: With every problem of the file, its timing and its texts included, at once.
        MachineError: The model is not there, or no placement fits its memory.
    """
    spoken = _spoken(manuscript, request)
    located = _locate(manuscript, spoken, request)
    spec = located.spec
    screenplay = manuscript.accepted(
        [*_settings_problems(manuscript, spec), *_scene_problems(manuscript, located, spoken)]
    )
    screenplay = screenplay.model_copy(update=spoken)
    loras = _loras(manuscript, screenplay, request, spec)
    fps = Fraction(screenplay.fps or spec.fps)
    sampling = _sampling(screenplay, spec)
    vault = Vault(request.work)
    identity = located.identity()
    lora_marks = [[lora_fingerprint(x), x.weight, x.expert] for x in loras]
    takes = tuple(
        _with_state(
            _take(screenplay, located, identity, lora_marks, sampling, i, fps), vault
        )
        for i in range(len(screenplay.scenes))
    )
    device = pick_device(request.device)
    placement = choose_placement(
        spec,
        activation_bytes=max(take.cost.activation_bytes for take in takes),
        free_bytes=free_memory(device),
        device=device,
        override=None if request.memory == "auto" else request.memory,
    )
    return Plan(
        screenplay_path=manuscript.source.path,
        screenplay_text=manuscript.source.text,
        screenplay=screenplay,
        title=screenplay.title or manuscript.source.path.stem,
        profile=screenplay.profile,
        model=located,
        loras=loras,
        device=device,
        placement=placement,
        fps=fps,
        takes=takes,
        delivery=_delivery(screenplay, sampling, fps),
        out=request.out,
        work=request.work,
        warnings=tuple(_warnings(manuscript, screenplay, spec, takes)),
    )


def _spoken(manuscript: Manuscript, request: Request) -> dict[str, Any]:
    """Settings given with the call, which go before the screenplay's."""
    given = {"profile": request.profile, "model": request.model, "seed": request.seed}
    return {key: value for key, value in given.items() if value is not None}


def _locate(manuscript: Manuscript, spoken: Mapping[str, Any], request: Request) -> LocatedModel:
    name = spoken.get("model") or manuscript.source.data.get("model") or "nano"
    try:
        return find_model(str(name), request.models_dir)
    except InputError as error:
        here = () if "model" in spoken else [manuscript.problem(("model",), error.message, error.hint)]
        raise InputError.of([*manuscript.problems, *(here or error.problems)]) from None


def _loras(
    manuscript: Manuscript, screenplay: Screenplay, request: Request, spec: ModelSpec
) -> tuple[LoraFile, ...]:
    base = manuscript.source.path.parent
    written = tuple(
        LoraFile(path=base / lora.file, weight=lora.weight, expert=lora.expert)
        for lora in screenplay.lora
    )
    loras = (*written, *request.loras)
    check_lora_files(loras, experts=spec.experts)
    return loras


# --- settings ------------------------------------------------------------------------------------


def parse_size(size: str) -> tuple[int, int]:
    """``832x480`` -> (832, 480)."""
    width, height = size.split("x")
    return int(width), int(height)


def quality(screenplay: Screenplay, spec: ModelSpec) -> Quality:
    """The profile's settings: the model's, then the film's size, then the profile's changes.

    A film's own size holds for standard and final; a draft keeps its shape and takes the draft's
    share of its area, on the model's grid.
    """
    base = spec.profiles[screenplay.profile]
    if screenplay.size is not None:
        width, height = parse_size(screenplay.size)
        if screenplay.profile == "draft":
            whole = spec.profiles["standard"]
            scale = (base.width * base.height / (whole.width * whole.height)) ** 0.5
            step = spec.size_multiple
            width = max(step, round(width * scale / step) * step)
            height = max(step, round(height * scale / step) * step)
        base = replace(base, width=width, height=height)
    changes: Adjusted = getattr(screenplay.profiles, screenplay.profile)
    given = changes.model_dump(exclude_none=True, exclude={"size", "sampler"})
    if changes.size is not None:
        given["width"], given["height"] = parse_size(changes.size)
    return replace(base, **given)


def _sampling(screenplay: Screenplay, spec: ModelSpec) -> Sampling:
    chosen = quality(screenplay, spec)
    changes: Adjusted = getattr(screenplay.profiles, screenplay.profile)
    return Sampling(
        width=chosen.width,
        height=chosen.height,
        steps=chosen.steps,
        guidance=chosen.guidance,
        shift=chosen.shift,
        sampler=changes.sampler or "euler",
        text=screenplay.text,
        attention=screenplay.attention or spec.attention,
    )


def _delivery(screenplay: Screenplay, sampling: Sampling, fps: Fraction) -> Delivery:
    deliver = screenplay.deliver
    width, height = (
        parse_size(deliver.size) if deliver.size else (sampling.width, sampling.height)
    )
    return Delivery(
        width=width,
        height=height,
        fps=Fraction(deliver.fps) if deliver.fps else fps,
        motion=deliver.motion,
        fit=deliver.fit,
        codec=screenplay.video.codec,
        quality=screenplay.video.quality,
    )


def _settings_problems(manuscript: Manuscript, spec: ModelSpec) -> Iterator[Problem]:
    step = spec.size_multiple
    data = manuscript.source.data
    profiles = data.get("profiles")
    sizes: list[tuple[tuple[str, ...], Any, int]] = [(("size",), data.get("size"), step)]
    for name, changes in (profiles if isinstance(profiles, dict) else {}).items():
        if isinstance(changes, dict):
            sizes.append((("profiles", name, "size"), changes.get("size"), step))
    deliver = data.get("deliver")
    if isinstance(deliver, dict):
        sizes.append((("deliver", "size"), deliver.get("size"), 2))
    for key, size, multiple in sizes:
        try:
            width, height = parse_size(size)
        except (AttributeError, ValueError):
            continue
        if width % multiple or height % multiple:
            near = "x".join(str(max(1, round(n / multiple)) * multiple) for n in (width, height))
            yield manuscript.problem(
                key, f"size {size} is not a multiple of {multiple} pixels", f"the nearest is {near}"
            )


# --- scenes --------------------------------------------------------------------------------------


def _scene_problems(
    manuscript: Manuscript, located: LocatedModel, spoken: Mapping[str, Any]
) -> Iterator[Problem]:
    """Timing, sound and prompt length of every scene that is otherwise valid."""
    data, spec = manuscript.source.data, located.spec
    fps = data.get("fps")
    fps = Fraction(fps if isinstance(fps, int) and fps > 0 else spec.fps)
    strict = data.get("strict") is True
    timings: dict[int, Timing] = {}
    for i, scene in manuscript.scenes:
        timing = _timing(scene, fps, spec, strict)
        for problem in timing if isinstance(timing, list) else ():
            yield manuscript.problem(("scenes", i, *problem.key), problem.message, problem.hint)
        if isinstance(timing, Timing):
            timings[i] = timing
        if scene.sound is not None:
            path = manuscript.source.path.parent / scene.sound.file
            if not path.is_file():
                yield manuscript.problem(
                    ("scenes", i, "sound"),
                    f"no sound file at {path}",
                    "paths are relative to the screenplay",
                )
    scenes = dict(manuscript.scenes)
    for i, timing in timings.items():
        before = transition_of(scenes[i - 1], fps) if i - 1 in scenes else ("cut", 0)
        after = transition_of(scenes[i], fps) if i + 1 in scenes else ("cut", 0)
        taken = _head(*before) + _tail(*after)
        if taken > timing.timeline.frames:
            yield manuscript.problem(
                ("scenes", i, "transition"),
                f"transitions take {taken} frames of a scene that has {timing.timeline.frames}",
                "shorten the transitions or lengthen the scene",
            )
    if manuscript.screenplay is not None:
        screenplay = manuscript.screenplay.model_copy(update=dict(spoken))
        for i, scene in enumerate(screenplay.scenes):
            yield from _length_problems(manuscript, located, screenplay, scene, i)


def transition_of(scene: Scene, fps: Fraction) -> Passing:
    """How a scene passes into the next one; too short to show is a cut."""
    kind, seconds = scene.transition.kind, Fraction(str(scene.transition.seconds))
    frames = 0 if kind == "cut" else round(seconds * fps)
    return (kind, frames) if frames >= (2 if kind == "fade" else 1) else ("cut", 0)


def _tail(kind: str, frames: int) -> int:
    """Frames a transition takes of the scene before it."""
    return frames // 2 if kind == "fade" else frames


def _head(kind: str, frames: int) -> int:
    """Frames a transition takes of the scene after it."""
    return frames - frames // 2 if kind == "fade" else frames


def _timing(
    scene: Scene, fps: Fraction, spec: ModelSpec, strict: bool
) -> Timing | list[Any]:
    try:
        return resolve(scene, fps, spec.max_frames, strict=strict)
    except ValueError:
        return []  # A raw prompt that doesn't parse: the reader has said so.


def _length_problems(
    manuscript: Manuscript,
    located: LocatedModel,
    screenplay: Screenplay,
    scene: Scene,
    i: int,
) -> Iterator[Problem]:
    prompt = compose(screenplay, scene)
    limit = located.spec.text_tokens
    key = ("scenes", i, "prompt" if scene.prompt is not None else "shots")
    per_shot = screenplay.text == "per-shot"
    for j, text in enumerate(prompt.windows if per_shot else [prompt.text]):
        tokens = count_tokens(located, text)
        if tokens.count > limit:
            least = "" if tokens.exact else "at least "
            what = f"shot {j + 1} with the global caption" if per_shot else "the scene's prompt"
            yield manuscript.problem(
                (*key, j) if per_shot and scene.prompt is None else key,
                f"{what} has {least}{tokens.count} tokens; the model reads {limit}",
                "shorten it"
                if per_shot
                else "shorten it, split the scene, or write `text: per-shot` "
                "(each shot is encoded by itself)",
            )
    negative = count_tokens(located, screenplay.negative)
    if negative.count > limit and i == 0:
        yield manuscript.problem(
            ("negative",), f"the negative has {negative.count} tokens of {limit}", "shorten it"
        )


def count_tokens(located: LocatedModel, text: str) -> Tokens:
    """Tokens of a text; where the tokenizer isn't there, its words, which are never more."""
    tokenizer = load_tokenizer(located)
    limit = located.spec.text_tokens
    if tokenizer is None:
        return Tokens(len(text.split()) + 1, limit, exact=False)
    return Tokens(len(tokenizer.encode(text).ids), limit, exact=True)


def _take(
    screenplay: Screenplay,
    located: LocatedModel,
    identity: Mapping[str, str],
    lora_marks: list[Any],
    sampling: Sampling,
    index: int,
    fps: Fraction,
) -> Take:
    scene = screenplay.scenes[index]
    timing = resolve(scene, fps, located.spec.max_frames)
    assert isinstance(timing, Timing)
    prompt = compose(screenplay, scene)
    seed = screenplay.seed if scene.seed is None else scene.seed
    ingredients = {
        "caption": prompt.caption,
        "captions": prompt.captions,
        "negative": screenplay.negative if sampling.guidance > 1 else "",
        "frames": timing.timeline.frames,
        "cuts": timing.timeline.cuts,
        "seed": seed,
        "sampling": {name: getattr(sampling, name) for name in Sampling.__slots__},
        "model": {part: mark for part, mark in identity.items() if part != "vae"},
        "lora": lora_marks,
    }
    negative_key = fingerprint(ingredients)
    windows = prompt.windows if sampling.text == "per-shot" else (prompt.text,)
    tokens = max((count_tokens(located, text) for text in windows), key=lambda t: t.count)
    last = index == len(screenplay.scenes) - 1
    return Take(
        index=index,
        scene=screenplay.scene_ids()[index],
        prompt=prompt,
        negative=screenplay.negative,
        timing=timing,
        sampling=sampling,
        seed=seed,
        tokens=tokens,
        negative_key=negative_key,
        clip_key=fingerprint([negative_key, identity.get("vae"), str(fps)]),
        ingredients=ingredients,
        cost=take_cost(
            located.spec,
            latent_spans=timing.timeline.latent_spans,
            width=sampling.width,
            height=sampling.height,
            attention=sampling.attention,
            steps=sampling.steps,
            guided=sampling.guidance > 1,
        ),
        sound=scene.sound,
        transition=("cut", 0) if last else transition_of(scene, fps),
    )


# --- what the work folder holds ------------------------------------------------------------------


def _with_state(take: Take, vault: Vault) -> Take:
    if vault.find("clips", take.clip_key) is not None:
        return replace(take, state="reuse", reason="already shot", step=take.sampling.steps)
    if vault.find("negatives", take.negative_key) is not None:
        return replace(
            take, state="reuse", reason="denoised; still to decode", step=take.sampling.steps
        )
    progress = vault.find("progress", take.negative_key)
    earlier = [e for e in vault.entries("negatives") if e.sidecar.get("scene") == take.scene]
    state: State = "changed" if earlier else "new"
    reason = (
        "; ".join(difference(earlier[-1].sidecar.get("ingredients", {}), take.ingredients))
        if earlier
        else "never shot"
    )
    step = int(progress.sidecar.get("step", 0)) if progress else 0
    if step:
        reason = f"goes on at step {step} of {take.sampling.steps}"
    return replace(take, state=state, reason=reason, step=step)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two takes' ingredients, in words."""
    said: list[str] = []
    if old.get("caption") != new["caption"]:
        said.append("the global caption changed")
    before, after = list(old.get("captions", [])), list(new["captions"])
    if len(before) != len(after):
        said.append(f"{len(before)} -> {len(after)} shots")
    else:
        said += [
            f"shot {i}'s text changed"
            for i, (a, b) in enumerate(zip(before, after, strict=True), 1)
            if a != b
        ]
    if list(old.get("cuts", [])) != list(new["cuts"]) and len(before) == len(after):
        said.append("the cuts moved")
    said += [
        f"{name} {old.get(name)} -> {new[name]}"
        for name in ("frames", "seed")
        if old.get(name) != new[name]
    ]
    was = old.get("sampling", {})
    said += [
        f"{name} {was.get(name)} -> {value}"
        for name, value in new["sampling"].items()
        if was.get(name) != value
    ]
    for name, words in (
        ("negative", "the negative prompt changed"),
        ("model", "the model's weights changed"),
        ("lora", "the LoRAs changed"),
    ):
        if old.get(name) != new[name]:
            said.append(words)
    return said or ["the work folder's format changed"]


def _warnings(
    manuscript: Manuscript, screenplay: Screenplay, spec: ModelSpec, takes: tuple[Take, ...]
) -> Iterator[Problem]:
    if spec.note:
        yield Problem(spec.note)
    for take in takes:
        if take.timeline.frames > spec.max_frames:
            yield manuscript.problem(
                ("scenes", take.index),
                f"scene '{take.scene}' has {take.timeline.frames} frames; "
                f"{spec.name} was trained on {spec.max_frames} at most",
                "longer scenes may lose their look; split it to be safe",
            )
        if not take.tokens.exact:
            yield manuscript.problem(
                ("scenes", take.index),
                f"scene '{take.scene}' has at least {take.tokens.count} tokens of "
                f"{take.tokens.limit}; the model's tokenizer is not here to count them",
                f"holocine models pull {spec.name}",
            )
        if take.sampling.attention != spec.attention:
            yield manuscript.problem(
                ("attention",),
                f"{spec.name} was trained with {spec.attention} attention",
                "leave `attention` out for its best films",
            )
