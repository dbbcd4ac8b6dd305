"""Drawn scenes: the same from the same seed, cuts where they belong, every attribute visible."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from holocine_core.lab.stage import world
from holocine_core.lab.stage.animals import animal_box, draw_animal
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.person import draw_person, person_box
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.shapes import Pen
from holocine_core.lab.stage.world import Animal, Person, Role, Scene, Shot
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

MARA = Person(
    build="slim", skin="tan", hair_colour="brown", hair_style="long", headwear="cap",
    headwear_colour="green", top="shirt", top_colour="red", pattern="striped",
    pattern_colour="white", bottom="trousers", bottom_colour="blue", accessory="scarf",
    accessory_colour="yellow", prop="balloon", prop_colour="orange",
)  # fmt: skip
PLACE = replace(sample_scene(3).place, set="meadow", time="day", weather="clear")
H, W = 48, 80


def shot(start: int, stop: int, **changes: object) -> Shot:
    role = Role(who=0, action="stand", x=0.0, facing=1, phase=0.1)
    given = {"size": "wide", "framing": "single", "angle": "eye-level", "movement": "static"}
    given |= {"roles": (role,), **changes}
    return Shot(frames=FrameSpan(start, stop), **given)  # type: ignore[arg-type]


def scene(*shots: Shot, who: Person | Animal = MARA, **place: str) -> Scene:
    return Scene(seed=0, place=replace(PLACE, **place), cast=(who,), shots=shots)  # type: ignore[arg-type]


def one(who: Person | Animal = MARA, **changes: object) -> Tensor:
    return draw(scene(shot(0, 1, **changes), who=who), H, W)[0].float()


def changed(a: Tensor, b: Tensor) -> float:
    """Share of pixels that differ clearly."""
    return float(((a - b).abs().amax(-1) > 24).float().mean())


def on_canvas(draw_it: object, box: tuple[float, float, float, float]) -> tuple[Tensor, Tensor]:
    """A figure's cover on a canvas far larger than its box, and what lies inside the box."""
    grid = torch.linspace(-1.5, 1.5, 150)
    x, y = grid.view(1, 1, -1).expand(1, 150, 150), grid.flip(0).view(1, -1, 1)
    pen = Pen(x, y, 0.02)
    draw_it(pen)  # type: ignore[operator]
    inside = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])
    return pen.rgba[3], inside


def test_a_seed_is_one_film() -> None:
    drawn = draw(sample_scene(5), H, W)
    assert drawn.dtype == torch.uint8
    assert drawn.shape == (sample_scene(5).frames, H, W, 3)
    assert torch.equal(drawn, draw(sample_scene(5), H, W))


def test_cuts_are_hard_and_where_they_belong() -> None:
    close = shot(13, 25, size="close-up")
    frames = draw(scene(shot(0, 13), close), H, W).float()
    steps = (frames[1:] - frames[:-1]).abs().mean((1, 2, 3))
    assert int(steps.argmax()) == 12
    assert steps[12] > 5 * steps[torch.arange(24) != 12].max()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("build", "broad"), ("skin", "dark"), ("hair_colour", "ginger"), ("hair_style", "braids"),
        ("headwear", "top hat"), ("headwear_colour", "purple"), ("top", "coat"),
        ("top_colour", "green"), ("pattern", "plain"), ("pattern_colour", "black"),
        ("bottom", "skirt"), ("bottom_colour", "orange"), ("accessory", "none"),
        ("accessory_colour", "blue"), ("prop", "umbrella"), ("prop_colour", "blue"),
    ],
)  # fmt: skip
def test_every_attribute_shows_in_a_wide_shot(field: str, value: str) -> None:
    assert changed(one(), one(replace(MARA, **{field: value}))) > 0.0015  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["time", "weather", "accent", "set"])
def test_every_part_of_a_place_shows(field: str) -> None:
    values = {"time": "night", "weather": "snow", "accent": "purple", "set": "library"}
    before = draw(scene(shot(0, 1), accent="red"), H, W)[0].float()
    after = draw(scene(shot(0, 1), **{"accent": "red", field: values[field]}), H, W)[0].float()
    assert changed(before, after) > 0.01


def test_sizes_angles_and_movements_differ() -> None:
    sizes = [one(size=size) for size in world.SIZES]
    assert all(changed(a, b) > 0.2 for i, a in enumerate(sizes) for b in sizes[:i])
    angles = [one(angle=angle) for angle in world.ANGLES]
    assert all(changed(a, b) > 0.1 for i, a in enumerate(angles) for b in angles[:i])
    for movement in world.MOVEMENTS:
        if movement not in ("static", "tracking"):
            frames = draw(scene(shot(0, 25, movement=movement)), H, W).float()
            assert changed(frames[0], frames[-1]) > 0.1, movement


@pytest.mark.parametrize("action", [a for a in world.ACTIONS if a != "stand"])
def test_actions_move(action: str) -> None:
    size = "close-up" if action in ("talk", "laugh", "nod") else "medium"
    role = Role(who=0, action=action, x=0.0, facing=1, phase=0.1)
    frames = draw(scene(shot(0, 17, size=size, roles=(role,))), 96, 160).float()
    still = replace(role, action="stand")
    stand = draw(scene(shot(0, 17, size=size, roles=(still,))), 96, 160).float()
    assert changed(frames[8], stand[8]) > 0.001


@pytest.mark.parametrize("action", world.ACTIONS)
@pytest.mark.parametrize("build", world.BUILDS)
def test_a_persons_box_holds_all_of_it(action: str, build: str) -> None:
    who = replace(MARA, build=build, prop="umbrella", headwear="top hat")
    for seconds in (0.0, 0.3, 0.7):
        time = torch.full((1, 1, 1), seconds)
        cover, inside = on_canvas(
            lambda pen, t=time: draw_person(pen, who, action, t), person_box(who, action)
        )
        assert float(cover.sum()) > 50
        assert float(cover[~inside].max()) < 0.5


@pytest.mark.parametrize("kind", world.ANIMALS)
@pytest.mark.parametrize("action", world.ANIMAL_ACTIONS)
def test_an_animals_box_holds_all_of_it(kind: str, action: str) -> None:
    who = Animal(kind=kind, coat="brown")
    for seconds in (0.0, 0.3):
        time = torch.full((1, 1, 1), seconds)
        cover, inside = on_canvas(
            lambda pen, t=time: draw_animal(pen, who, action, t), animal_box(who, action)
        )
        assert float(cover.sum()) > 20
        assert float(cover[~inside].max()) < 0.5


def test_from_behind_there_is_no_face() -> None:
    def face(away: bool) -> Tensor:
        grid = torch.linspace(-0.12, 0.12, 40)
        x, y = grid.view(1, 1, -1).expand(1, 40, 40), 0.78 + grid.flip(0).view(1, -1, 1)
        pen = Pen(x, y, 0.006)
        draw_person(pen, MARA, "stand", torch.zeros(1, 1, 1), away=away)
        return pen.rgba[:3]

    assert float(face(True).std((1, 2, 3)).max()) < 0.5 * float(face(False).std((1, 2, 3)).max())


@pytest.mark.gpu
def test_the_gpu_draws_the_same_film() -> None:
    for seed in range(6):
        here = draw(sample_scene(seed), H, W).int()
        there = draw(sample_scene(seed), H, W, device="cuda").int().cpu()
        assert (here - there).abs().float().mean() < 0.5, seed
