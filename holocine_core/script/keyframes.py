"""Pictures that a scene must show at certain frames: which latent frame holds each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import Timeline, latent_frame_of, pixel_span
from holocine_core.script.timing import TimingProblem, is_number, parse_time
from holocine_core.script.yaml_source import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One picture.

    Attributes:
        key: Where it stands in the scene.
        file: Its path as written.
        asked: The frame it is for.
        latent: The latent frame that shows it: that frame, and the others of its four.
    """

    key: Key
    file: str
    asked: Fraction
    latent: int

    @property
    def frame(self) -> int:
        """The first frame that shows it."""
        return pixel_span(self.latent).start


def held_pictures(scene: Scene, timeline: Timeline) -> list[Held] | list[TimingProblem]:
    """The pictures of a scene by latent frame, or what is wrong with their times.

    Args:
        scene: A valid scene.
        timeline: Where its shots begin.
    """
    problems: list[TimingProblem] = []
    held: list[Held] = []
    taken: set[int] = set()
    for key, file, at in _asked(scene, timeline):
        if isinstance(at, str):
            hint = "write a frame (37), seconds (2.5s) or a timecode (00:00:02.5)"
            problems.append(TimingProblem(key, at.replace("cut point", "time"), hint))
        elif not 0 <= at < timeline.frames:
            problems.append(
                TimingProblem(
                    key,
                    f"frame {float(at):g} is outside the scene's {timeline.frames} frames",
                    f"choose a frame from 0 to {timeline.frames - 1}",
                )
            )
        else:
            one = Held(key=key, file=file, asked=at, latent=latent_frame_of(int(at)))
            if one.latent in taken:
                span = pixel_span(one.latent)
                problems.append(
                    TimingProblem(
                        key,
                        f"two pictures for frames {span.start}-{span.stop - 1}, which hold one",
                        "leave one out, or move it by four frames",
                    )
                )
            taken.add(one.latent)
            held.append(one)
    return problems or sorted(held, key=lambda one: one.latent)


def _asked(scene: Scene, timeline: Timeline) -> Iterator[tuple[Key, str, Fraction | str]]:
    for i, (shot, span) in enumerate(zip(scene.shots or (), timeline.shot_spans, strict=False)):
        if shot.image is not None:
            yield ("shots", i, "image"), shot.image, Fraction(span.start)
    for time, file in scene.keyframes.items():
        # A mapping's keys are read as text, numbers too.
        at = parse_time(int(time) if is_number(time) else time, timeline.fps)
        yield ("keyframes", time), file, at
