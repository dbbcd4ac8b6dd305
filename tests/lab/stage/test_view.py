from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from holocine_core.lab.judge.network import SIZE
from holocine_core.lab.stage.facts import FIELDS, PERSON, look_of
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import sample_person, sample_scene
from holocine_core.lab.stage.view import in_view, slots
from holocine_core.lab.stage.world import Person, Place, Role, Scene, Shot
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

SCENES = [sample_scene(seed) for seed in range(400)]


def test_every_truth_has_a_field_and_every_field_is_seen() -> None:
    seen: Counter[str] = Counter()
    for scene in SCENES:
        for shot in scene.shots:
            truth = in_view(scene, shot)
            assert all(value in FIELDS[name] for name, value in truth.items())
            seen.update(truth.keys())
    assert seen.keys() == FIELDS.keys()
    assert min(seen.values()) >= 10


def scene_of(size: str, framing: str = "single", facing: int = 1, **look: str) -> Scene:
    import random

    rng = random.Random(5)
    cast = tuple(replace(sample_person(rng), **look) for _ in range(2))
    place = Place(
        set="forest", time="day", weather="clear", accent="red", landmark=0, side=1, seed=1
    )
    roles = [Role(who=0, action="talk", x=-0.2, facing=facing, phase=0.0)]
    if framing != "single":
        roles.append(Role(who=1, action="stand", x=0.5, facing=-facing, phase=0.0))
    shot = Shot(
        frames=FrameSpan(0, 21), size=size, framing=framing, angle="eye-level", movement="static",
        roles=tuple(roles),
    )  # type: ignore[arg-type]  # fmt: skip
    return Scene(seed=1, place=place, cast=cast, shots=(shot,))


def seen(scene: Scene) -> dict[str, str]:
    return in_view(scene, scene.shots[0])


def test_a_closer_picture_shows_less_and_nothing_else() -> None:
    shown = [
        {name for name in seen(scene_of(size, top="shirt")) if name.startswith("left.")}
        for size in ("wide", "medium", "close-up", "extreme close-up")
    ]
    assert shown[0] == shown[1] > shown[2] > shown[3]
    assert {"left.skin", "left.hair_colour", "left.action"} <= shown[3]
    assert "left.bottom" not in shown[2]
    assert "left.bottom" not in seen(scene_of("medium", top="coat"))
    assert "left.bottom" in seen(scene_of("wide", top="coat"))


def changed(scene: Scene) -> Iterator[tuple[str, str, float]]:
    """For every look in view of the scene's first shot: size, field, and the share of pixels that
    are others with another value of it."""
    shot = scene.shots[0]
    at = frozenset([shot.frames.start + len(shot.frames) // 2])
    before = draw(scene, *SIZE, only=at).int()
    truth = in_view(scene, shot)
    for slot, index in slots(scene, shot).items():
        who = shot.roles[index].who
        for name, values in PERSON.items():
            if f"{slot}.{name}" not in truth:
                continue
            other = next(one for one in values if one != truth[f"{slot}.{name}"])
            cast = list(scene.cast)
            cast[who] = replace(cast[who], **{name: other})  # type: ignore[arg-type]
            after = draw(replace(scene, cast=tuple(cast)), *SIZE, only=at).int()
            yield shot.size, name, float(((after - before).abs() > 12).any(-1).float().mean())


def test_looks_in_view_are_in_the_picture() -> None:
    scenes = [
        replace(scene, shots=scene.shots[:1])
        for scene in SCENES
        if all(isinstance(member, Person) for member in scene.cast) and scene.shots[0].roles
    ]
    looks = [one for scene in scenes[:5] for one in changed(scene)]
    assert len(looks) > 30
    unseen = [(size, name) for size, name, share in looks if share < 3e-4]  # 4 pixels
    assert len(unseen) <= len(looks) // 15, unseen


def test_what_is_not_there_has_no_colour() -> None:
    bare = seen(scene_of("wide", headwear="none", pattern="plain", prop="none", accessory="beard"))
    colours = {name for name in bare if name.startswith("left.") and name.endswith("_colour")}
    assert colours <= {"left.top_colour", "left.bottom_colour", "left.hair_colour"}
    assert "left.hair_colour" not in seen(scene_of("wide", hair_style="bald"))


def test_people_are_ordered_as_they_stand_on_screen() -> None:
    scene = scene_of("wide", "two-shot")
    assert slots(scene, scene.shots[0]) == {"left": 0, "right": 1}
    shot = scene.shots[0]
    turned = replace(shot, roles=tuple(replace(role, x=-role.x) for role in shot.roles))
    assert slots(replace(scene, shots=(turned,)), turned) == {"left": 1, "right": 0}


def test_the_near_figure_stands_where_the_subject_looks_and_hides_its_face() -> None:
    for facing, near in ((1, "right"), (-1, "left")):
        scene = scene_of("medium", "over-the-shoulder", facing)
        assert slots(scene, scene.shots[0])[near] == 1
        truth = seen(scene)
        assert f"{near}.top_colour" in truth
        assert f"{near}.skin" not in truth
        assert f"{near}.action" not in truth


def test_looks_are_the_casts() -> None:
    for scene in SCENES[:20]:
        for member in scene.cast:
            assert all(str(getattr(member, name)) == v for name, v in look_of(member).items())
            if isinstance(member, Person):
                assert {"build", "skin", "top_colour"} <= look_of(member).keys()
