"""Storyboards of rendered plans: rows of pictures with their shots' texts.

May import: plan, vault, edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.edit.lettering import faces_for, named
from holocine_core.edit.stitch import scene_starts
from holocine_core.edit.storyboard import StoryboardRow, storyboard
from holocine_core.film.finish import stitch_job
from holocine_core.plan.values import Plan, Take
from holocine_core.script.prompt import camera_phrases
from holocine_core.script.timeline import FrameSpan
from holocine_core.store.files import Ready
from holocine_core.store.vault import Vault


def draw_storyboard(plan: Plan, out: Path, ready: Ready = lambda made, out: None) -> Path:
    """A storyboard of a rendered plan: a row per shot with its first, middle and last frame.
    ``ready`` is called right before it gets its name."""
    kind = "Storyboard of a draft" if plan.is_draft else "Storyboard"
    storyboard(list(_rows(plan)), out, plan.title, ready, kind)
    return out


def draw_drafts(plans: Sequence[Plan], out: Path, ready: Ready = lambda made, out: None) -> Path:
    """A storyboard of several rendered drafts of one film: a row per shot, a picture per draft.
    ``ready`` is called right before it gets its name."""
    rows = []
    for drafts in zip(*(_rows(plan) for plan in plans), strict=True):
        middles = [row.pictures[1][1] for row in drafts]
        captions = [f"draft {plan.options.get('draft', 1)}" for plan in plans]
        rows.append(replace(drafts[0], pictures=tuple(zip(captions, middles, strict=True))))
    storyboard(rows, out, plans[0].title, ready, f"Storyboard of {len(plans)} drafts")
    return out


def undrawn(plans: Sequence[Plan]) -> str:
    """The letters of plans' titles and prompts that no font here has, by name; empty if none."""
    titles = [plan.title for plan in plans]
    shots = [text for plan in plans for take in plan.takes for text in take.prompt.shots]
    return named(faces_for("".join([*titles, *shots])).lacking)


def _rows(plan: Plan) -> Iterator[StoryboardRow]:
    vault = Vault(plan.work)
    job = stitch_job(plan, vault)
    starts = scene_starts(job)
    heads = (0, *(one.head for one in job.transitions))
    tails = (*(one.tail for one in job.transitions), 0)
    for take, start, head, tail in zip(plan.takes, starts, heads, tails, strict=True):
        own = range(head, take.timeline.frames - tail)
        """Frames that the film shows as the take has them."""
        spans = take.timeline.shot_spans
        wanted = {at for span in spans for at in _looks(span)}
        frames = _pick(vault.path("clips", take.clip_key), wanted)
        for i, span in enumerate(spans):
            yield StoryboardRow(
                scene=take.scene,
                name=plan.shot_name(take, i),
                prompt=take.prompt.shots[i],
                span=FrameSpan(start + span.start, start + span.stop),
                fps=plan.fps,
                pictures=tuple(
                    (f"frame {start + at}" if at in own else f"frame {at} of the take", frames[at])
                    for at in _looks(span)
                ),
                camera=_camera(plan, take, i),
            )


def _camera(plan: Plan, take: Take, shot: int) -> str:
    """A shot's size, angle and movement in words, where it says them beside its prompt."""
    shots = plan.screenplay.scenes[take.index].shots
    words = "" if shots is None else ", ".join(camera_phrases(shots[shot]).values())
    return words[:1].upper() + words[1:]


def _looks(span: FrameSpan) -> tuple[int, int, int]:
    return span.start, span.start + len(span) // 2, span.stop - 1


def _pick(clip: Path, wanted: set[int]) -> dict[int, Frames]:
    found: dict[int, Frames] = {}
    at = 0
    for chunk in read_frames(clip):
        found |= {at + i: frame.copy() for i, frame in enumerate(chunk) if at + i in wanted}
        at += len(chunk)
    return found
