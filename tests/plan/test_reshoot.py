"""A shot anew with another size, movement or length: all other shots keep theirs, and what does not
fit is refused in words."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from holocine_core.errors import InputError
from holocine_core.model.spec import MODELS
from holocine_core.plan.edits import make_edited_plan
from holocine_core.plan.values import Plan, Take
from holocine_core.request import Request
from holocine_core.script.edits import Extend, Reshoot, edited, read_edits, told
from holocine_core.script.reader import read_text
from holocine_core.script.screenplay import Scene, Screenplay, Shot
from holocine_core.script.shot_change import ShotChange, new_reshoot
from holocine_core.script.timeline import Timeline, nearest_on_grid
from holocine_core.script.timing import Timing, resolve

FPS = Fraction(15)
HEAD = "size: 32x32\nprofiles: {standard: {steps: 6, guidance: 1}}\nglobal: A room.\n"
SHOTS = 'shots: [{prompt: "One.", size: wide}, Two., Three.]\n'
RAW = (
    "size: 32x32\nprofiles: {standard: {steps: 6, guidance: 1}}\n"
    'prompt: "[global caption] A room. [per shot caption] One. [shot cut] Two. [shot cut] Three."\n'
)
WRITTEN = {
    "evenly": f"{HEAD}frames: 37\n{SHOTS}",
    "by cuts": f"{HEAD}frames: 37\ncuts: [10, 21]\n{SHOTS}",
    "by length": f"{HEAD}shots: [{{prompt: One., frames: 9}}, {{prompt: Two., seconds: 1}}, "
    "{prompt: Three., frames: 13}]\n",
    "raw": f"{RAW}frames: 37\ncuts: [9, 21]\n",
    "raw, evenly": f"{RAW}seconds: 2.5\n",
}


def anew(shot: int = 2, **change: Any) -> Reshoot:
    return Reshoot(scene="scene-1", shot=shot, seed=9, **change)


def planned(text: str, *edits: Reshoot | Extend, folder: Path = Path()) -> Plan:
    manuscript = read_text(text, str(folder / "film.yaml"))
    return make_edited_plan(manuscript, Request(), edits)


def lengths(take: Take) -> list[int]:
    return [len(span) for span in take.timeline.shot_spans]


@pytest.mark.parametrize("shot", [1, 2, 3])
@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_all_other_shots_keep_their_lengths_and_latents(text: str, shot: int) -> None:
    before = planned(text).takes[0]
    for frames in (30, 5):
        plan = planned(text, anew(shot, frames=frames))
        take = plan.takes[0]
        now, was = lengths(take), lengths(before)
        assert now.pop(shot - 1) in ({29} if shot == 1 and frames == 30 else {32, 28, 5, 4})
        was.pop(shot - 1)
        assert now == was
        kept = [
            list(range(span.start, span.stop))
            for spans in (take.timeline.latent_spans, before.timeline.latent_spans)
            for n, span in enumerate(spans, 1)
            if n != shot
        ]
        assert list(take.kept) == kept[0] + kept[1]
        assert list(take.kept.values()) == kept[2] + kept[3]
        assert take.latents_key != before.latents_key
        # What is written now has that timeline by itself.
        scene = plan.screenplay.scenes[0]
        again = resolve(scene, plan.fps, 241, strict=True)
        assert isinstance(again, Timing)
        assert again.timeline == take.timeline


@settings(max_examples=60, deadline=None)
@given(
    latents=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    data=st.data(),
    frames=st.integers(1, 60),
)
def test_any_length_of_any_shot(latents: list[int], data: st.DataObject, frames: int) -> None:
    shot = data.draw(st.integers(0, len(latents) - 1))
    starts = [0, *(4 * sum(latents[:i]) - 3 for i in range(1, len(latents) + 1))]
    timeline = Timeline(starts[-1], tuple(starts[1:-1]), FPS)
    scene = Scene(shots=tuple(Shot(prompt=f"{n}.") for n in latents), frames=timeline.frames)
    edit = anew(shot + 1, frames=frames)
    wanted = nearest_on_grid(starts[shot] + frames) - starts[shot]
    if wanted < 1:
        with pytest.raises(ValueError, match="leaves it none"):
            edit.length(timeline)
        return
    changed = edited(Screenplay(scenes=(scene,)), edit, timeline).scenes[0]
    found = resolve(changed, FPS, 241, strict=True)
    assert isinstance(found, Timing)
    now = [len(span) for span in found.timeline.shot_spans]
    was = [b - a for a, b in pairwise(starts)]
    assert now == [*was[:shot], wanted, *was[shot + 1 :]]
    assert abs(wanted - frames) <= 2


def test_a_shot_is_filmed_in_another_way() -> None:
    plan = planned(WRITTEN["evenly"], anew(1, size="close-up", angle="low", movement="push in"))
    assert plan.takes[0].prompt.captions[0] == "Close-up, low angle, the camera pushes in. One."
    assert plan.takes[0].prompt.captions[1] == "Two."
    assert plan.takes[0].timeline == planned(WRITTEN["evenly"]).takes[0].timeline
    plan = planned(WRITTEN["evenly"], anew(1, size="none", prompt="Rain."))
    assert plan.takes[0].prompt.captions[0] == "Rain."
    assert plan.screenplay.scenes[0].frames == 37, "the lengths are written as they were"
    assert plan.screenplay.scenes[0].shots is not None
    assert plan.screenplay.scenes[0].shots[1].frames is None


def test_text_by_shot_and_what_was_edited_before_go_together() -> None:
    text = "text: per-shot\n" + WRITTEN["evenly"]
    more = Extend(scene="scene-1", shots=(Shot(prompt="Four.", frames=8),), seed=1)
    plan = planned(text, anew(2, seconds=1), more, anew(4, frames=12), anew(2, frames=8))
    last = plan.takes[0]
    assert lengths(last) == [13, 8, 12, 12]
    assert [take.seed for take in last.chain()] == [9, 9, 1, 9, 0]
    assert "Two." in last.prompt.windows[1]
    assert last.maker_of(1) is last
    assert last.maker_of(3).timeline == planned(text, *plan.edits[:3]).takes[0].timeline
    assert last.maker_of(0).seed == 0


def test_pictures_go_with_their_shots(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    Image.new("RGB", (32, 32), "red").save(tmp_path / "b.png")
    text = WRITTEN["by cuts"] + 'keyframes: {2: a.png, 14: b.png, "2.0s": b.png}\n'
    text = text.replace("Three.]", "{prompt: Three., image: a.png}]")
    before = planned(text, folder=tmp_path).takes[0]
    assert [one.latent for one in before.pictures] == [1, 4, 6, 8]
    longer = planned(text, anew(2, frames=20), folder=tmp_path)
    assert [one.latent for one in longer.takes[0].pictures] == [1, 4, 8, 10]
    assert longer.screenplay.scenes[0].keyframes == {"2": "a.png", "14": "b.png", "38": "b.png"}
    with pytest.raises(InputError, match=r"b.png is shown at frame 14, when .*: it needs 6 frames"):
        planned(text, anew(2, frames=4), folder=tmp_path)
    first = planned(text, anew(1, frames=5), folder=tmp_path)
    assert [one.latent for one in first.takes[0].pictures] == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("text", "edit", "message"),
    [
        ("strict: true\n" + WRITTEN["evenly"], anew(2, frames=15), "would last 16 frames, not 15"),
        ("strict: true\n" + WRITTEN["evenly"], anew(1, frames=16), "would last 17 frames, not 16"),
        (WRITTEN["evenly"], anew(2, frames=1), "shot 2 can't last 1 frame, .*: ask for 4"),
        (WRITTEN["raw"], anew(2, size="close-up"), "a raw scene's shots have no size"),
        (WRITTEN["raw"], anew(2, movement="none", angle="low"), "have no angle or movement"),
        (
            "scenes:\n  - {id: scene-1, transition: {kind: crossfade, seconds: 0.5}, frames: 9,"
            " cuts: [5], shots: [a, b]}\n  - {frames: 17, shots: [c]}\n",
            anew(1, frames=1),
            "transitions take 8 frames of a scene that has 5",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text: str, edit: Reshoot, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(text, edit)


def test_strictness_takes_what_is_on_the_grid() -> None:
    text = "strict: true\n" + WRITTEN["evenly"]
    assert lengths(planned(text, anew(2, frames=16)).takes[0]) == [13, 16, 12]
    assert lengths(planned(text, anew(1, frames=17)).takes[0]) == [17, 12, 12]


def test_longer_than_the_model_was_trained_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "nano", replace(MODELS["nano"], max_frames=37))
    plan = planned(WRITTEN["evenly"], anew(3, frames=20))
    take = plan.takes[0]
    assert take.known is not None
    assert (take.timeline.frames, take.known.shots) == (45, (0, 2))
    assert not any("trained on" in one.message for one in plan.warnings)
    back = planned(WRITTEN["evenly"], anew(3, frames=20), anew(3, frames=12)).takes[0]
    assert back.known is not None
    assert back.known.shots is None
    with pytest.raises(InputError, match="more than the 37 frames") as caught:
        planned(WRITTEN["evenly"], anew(3, frames=40))
    assert caught.value.hint == "give the shot fewer frames"


def asked(**change: Any) -> Reshoot:
    known: ShotChange = change  # type: ignore[assignment]
    return new_reshoot("quay", 2, 4, known)


def test_edits_are_told_in_words() -> None:
    edit = asked(prompt="Rain.", size="close-up", angle="low", movement="none", seconds=3)
    assert told([edit], 2) == (
        'shot quay:2 anew: "Rain.", close-up, low angle, no movement, 3 s, seed 4'
    )
    assert told([asked(frames=44)], 2) == "shot quay:2 anew, 44 frames, seed 4"
    assert told([asked()], 2) == "shot quay:2 anew, seed 4"


def test_edits_of_films_from_before_are_what_they_were() -> None:
    stored = {"kind": "reshoot", "scene": "quay", "shot": 2, "prompt": "Rain.", "seed": 4}
    (edit,) = read_edits([stored])
    assert edit.model_dump(mode="json", exclude_none=True) == stored
    # By commit ad2de22, before a reshoot changed more than text.
    plan = planned(WRITTEN["evenly"], anew(2, prompt="Rain."))
    assert plan.takes[0].ingredients["kept"]["latent_frames"] == [[0, 4], [7, 10]]
    assert set(plan.takes[0].ingredients["kept"]) == {"take", "latent_frames", "method"}


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"size": "closeup"}, "a shot's size can't be 'closeup'", "did you mean 'close-up'?"),
        ({"size": "832x480"}, "not 832x480 pixels", "one of: extreme wide, wide"),
        ({"movement": "fly"}, "a shot's movement can't be 'fly'", "one of: static, pan left"),
        ({"angle": "Low"}, "a shot's angle can't be 'Low'", "did you mean 'low'?"),
        ({"seconds": 0}, "the shot's seconds can't be 0", "greater than 0"),
        ({"seconds": float("nan")}, "the shot's seconds can't be nan", "finite"),
        ({"frames": 2**20}, "the shot's frames can't be 1048576", "less than or equal to 100000"),
        ({"frames": 4, "seconds": 1}, "takes `seconds` or `frames`, not both", "drop one"),
        ({"prompt": "  "}, "--prompt is empty", "leave it out"),
        ({"prompt": ""}, "--prompt is empty", "leave it out"),
    ],
)
def test_words_that_are_none(change: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        asked(**change)
    assert hint in caught.value.hint


def test_what_no_shot_has_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match="no zoom"):
        asked(zoom=3)
