"""What can be measured of any film: cuts, consistency, motion, flicker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.consistency import (
    TEXT_OWN,
    Features,
    Vector,
    agreement,
    among,
    middle,
    shot_features,
)
from holocine_core.evaluate.consistency import (
    inside as alike_inside,
)
from holocine_core.evaluate.cuts import compare_cuts, find_cuts, shrunk
from holocine_core.evaluate.features import Eyes
from holocine_core.evaluate.motion import (
    after_cuts,
    by_latents,
    motion,
    raggedness,
    stands_out,
)
from holocine_core.evaluate.numbers import Measure, Tally, mean, share, tally
from holocine_core.evaluate.screening import Screened

CUT_STEP = "cut-step"

Detect = Callable[[Sequence[Frames]], list[tuple[int, ...]]]
"""Finds the cuts of scenes in TransNetV2's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is kept of a scene once its frames are gone.

    Attributes:
        name: Of the scene.
        cuts: Those it was asked for.
        shots: Names of its shots; the first begins it, each other one at a cut.
        small: Its frames in the cut detector's size.
        values: Observations by measure.
    """

    name: str
    cuts: tuple[int, ...]
    small: Frames
    shots: tuple[str, ...]
    values: Mapping[str, Tally] = field(default_factory=dict)


def observe(
    scene: Screened, eyes: Eyes, through_codec: Callable[[Frames], Frames] | None = None
) -> Observed:
    """Measure one scene; cuts are looked for later, in all scenes at once.

    Args:
        scene: Its frames, shots, characters and texts.
        eyes: What they are compared by; see ``features.eyes``.
        through_codec: Encodes and decodes frames as the model's codec does, where it is at hand.
    """
    shots = [scene.frames[span.start : span.stop] for span in scene.shots]
    values = {
        "motion": tally(found for shot in shots if (found := motion(shot)) is not None),
        "flicker": tally(after_cuts(scene.frames, scene.shots)),
        CUT_STEP: tally(stands_out(scene.frames, cut) for cut in scene.cuts),
    }
    if scene.first is not None:
        changes = list(by_latents(scene.frames, scene.shots, scene.first))
        values["pulse"] = tally(into - inside for into, inside in changes)
        values["inner-motion"] = tally(inside for _, inside in changes)
        if through_codec is not None:
            values["ragged"] = tally(
                raggedness(scene.frames, scene.shots, through_codec, scene.first)
            )
    for name, extract in eyes.frames.items():
        suffix = "" if name == "colour" else f"-{name}"
        features = shot_features(scene.frames, scene.shots, extract)
        likeness = (alike_inside(shot) for shot in features)
        values[f"intra-shot{suffix}"] = tally(one for one in likeness if one is not None)
        values[f"inter-shot{suffix}"] = tally(among(features, scene.casts))
        if name in eyes.texts:
            means = np.stack([middle(shot) for shot in features])
            values |= _texts(scene, eyes, name, means, middle(np.concatenate(features)))
    for name, extract in eyes.clips.items():
        whole = [extract(shot) for shot in shots]
        values[f"inter-shot-{name}"] = tally(among(whole, scene.casts))
        if name in eyes.texts:
            values |= _texts(scene, eyes, name, np.concatenate(whole), extract(scene.frames)[0])
    return Observed(
        name=scene.name,
        cuts=scene.cuts,
        shots=scene.names,
        small=shrunk(scene.frames),
        values=values,
    )


def _texts(
    scene: Screened, eyes: Eyes, name: str, shots: Features, whole: Vector
) -> dict[str, Tally]:
    """How well the scene agrees with its texts in one space."""
    read = eyes.texts[name]
    setting = read([scene.setting])[0] if scene.setting else None
    return agreement(name, shots, whole, setting, read(scene.prompts))


def measure_observed(
    scenes: Sequence[Observed], detect: Detect = find_cuts
) -> tuple[dict[str, Measure], list[tuple[int, ...]]]:
    """All measures of some scenes, and the cuts found in each.

    Raises:
        MachineError: The cut detector isn't installed, or failed.
    """
    found = detect([scene.small for scene in scenes])
    compared = [
        compare_cuts(scene.cuts, cuts, len(scene.small))
        for scene, cuts in zip(scenes, found, strict=True)
    ]
    measures = {
        "cut-accuracy": share([Tally(one.exact, one.wanted) for one in compared]),
        "sca": mean([Tally(one.sca, 1) for one in compared]),
        "cut-error": mean([tally(map(abs, one.errors)) for one in compared]),
        "extra-cuts": mean([Tally(one.extra, 1) for one in compared]),
    }
    for name in dict.fromkeys(name for scene in scenes for name in scene.values):
        together = share if name == CUT_STEP or name.startswith(TEXT_OWN) else mean
        measures[name] = together([scene.values.get(name, Tally()) for scene in scenes])
    return {name: one for name, one in measures.items() if one is not None}, found
