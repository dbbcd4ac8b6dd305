"""People and animals: what is drawn stays in its box, moves as told and shows every attribute."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from holocine_core.lab.stage import world
from holocine_core.lab.stage.animals import COAT, animal_box, draw_animal
from holocine_core.lab.stage.body import Body
from holocine_core.lab.stage.faces import HAIR, SKIN
from holocine_core.lab.stage.person import draw_person, person_box
from holocine_core.lab.stage.poses import PERIOD, travel
from holocine_core.lab.stage.sample import sample_person
from holocine_core.lab.stage.shapes import Pen
from holocine_core.lab.stage.world import Animal, Person

pytestmark = pytest.mark.slow

PLAIN = Person(
    build="slim", skin="tan", hair_colour="brown", hair_style="short", headwear="none",
    headwear_colour="red", top="shirt", top_colour="blue", pattern="plain",
    pattern_colour="yellow", bottom="trousers", bottom_colour="green", accessory="none",
    accessory_colour="red", prop="none", prop_colour="purple",
)  # fmt: skip
WIDE, CLOSE = (1.65, 0.70), (0.60, 0.83)
"""Height of what a shot shows of an adult, and of its middle."""
NEEDS = {
    "headwear_colour": {"headwear": "cap"},
    "pattern_colour": {"pattern": "striped"},
    "accessory_colour": {"accessory": "scarf"},
    "prop_colour": {"prop": "umbrella"},
}
VALUES = {
    "build": world.BUILDS, "skin": world.SKINS, "hair_colour": world.HAIR_COLOURS,
    "hair_style": world.HAIR_STYLES, "headwear": world.HEADWEAR, "top": world.TOPS,
    "pattern": world.PATTERNS, "bottom": world.BOTTOMS, "accessory": world.ACCESSORIES,
    "prop": world.PROPS, "headwear_colour": world.COLOURS, "top_colour": world.COLOURS,
    "pattern_colour": world.COLOURS, "bottom_colour": world.COLOURS,
    "accessory_colour": world.COLOURS, "prop_colour": world.COLOURS,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small tensors are drawn faster by one thread than by many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pen_of(frames: int, size: tuple[int, int] = (96, 90), shows: tuple[float, float] = WIDE) -> Pen:
    """A pen as a camera hands it over, the figure in the middle."""
    (height, width), (tall, middle) = size, shows
    x = ((torch.arange(width) + 0.5) / width * 2 - 1).view(1, 1, -1) * tall / 2 * width / height
    y = middle + (1 - (torch.arange(height) + 0.5) / height * 2).view(1, -1, 1) * tall / 2
    return Pen(x.expand(frames, height, width), y.expand(frames, height, 1), tall / height)


def seconds_of(*moments: float) -> Tensor:
    return torch.tensor(moments).view(-1, 1, 1)


def drawn(
    person: Person, action: str, *moments: float, shows: tuple[float, float] = WIDE,
    facing: int = 1, away: bool = False,
) -> Tensor:  # fmt: skip
    """A person's layer [4, T, H, W]."""
    pen = pen_of(len(moments), shows=shows)
    draw_person(pen, person, action, seconds_of(*moments), facing=facing, away=away)
    return pen.rgba


def shows(layer: Tensor, colour: tuple[float, float, float], within: float = 0.04) -> int:
    """How many pixels have just that colour."""
    close = (layer[:3] - torch.tensor(colour).view(3, 1, 1, 1)).abs().amax(0) < within
    return int((close & (layer[3] > 0.99)).sum())


def outside(box: tuple[float, float, float, float], pen: Pen) -> Tensor:
    x0, y0, x1, y1 = box
    return (pen.x < x0) | (pen.x > x1) | (pen.y < y0) | (pen.y > y1)


def unused_room(pen: Pen, box: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """How much of a symmetric box stays empty at its sides, below and above."""
    seen = (pen.rgba[3] > 0.05).any(0)
    wide = float(pen.x[0, 0].abs()[seen.any(0)].max())
    rows = pen.y[0, :, 0][seen.any(1)]
    return box[2] - wide, float(rows.min()) - box[1], box[3] - float(rows.max())


# --- boxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", world.ACTIONS)
def test_a_persons_box_holds_all_of_it_and_little_else(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [sample_person(random.Random(f"{action} {i}")) for i in range(2)]
    people[0] = replace(people[0], prop="umbrella", headwear="top hat", build="broad")
    people[1] = replace(people[1], prop="balloon", hair_style="braids", headwear="cap")
    boxes = [person_box(person, action) for person in people]
    # Drawing itself must not be what keeps the figure in its box.
    monkeypatch.setattr("holocine_core.lab.stage.person.person_box", lambda *_: (-2, -1, 2, 3))
    for i, (person, box) in enumerate(zip(people, boxes, strict=True)):
        pen = pen_of(12, (84, 84), (1.7, 0.72))
        draw_person(
            pen, person, action, torch.arange(12).view(-1, 1, 1) * 0.13, facing=i % 2 * 2 - 1
        )
        assert float(pen.rgba[3][outside(box, pen)].max()) < 0.02, person
        assert max(unused_room(pen, box)) < 0.11, person


@pytest.mark.parametrize("kind", world.ANIMALS)
@pytest.mark.parametrize("action", world.ANIMAL_ACTIONS)
def test_an_animals_box_holds_all_of_it_and_little_else(
    kind: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    animal = Animal(kind=kind, coat="grey")
    box = animal_box(animal, action)
    monkeypatch.setattr("holocine_core.lab.stage.animals.animal_box", lambda *_: (-2, -1, 2, 3))
    pen = pen_of(16, (64, 80), (0.96, 0.40))
    draw_animal(pen, animal, action, torch.arange(16).view(-1, 1, 1) * 0.13)
    assert float(pen.rgba[3][outside(box, pen)].max()) < 0.02
    assert max(unused_room(pen, box)) < 0.13


# --- drawing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["run", "bow", "talk"])
def test_a_window_shows_what_the_whole_does(action: str) -> None:
    person = replace(PLAIN, hair_style="long", accessory="satchel", prop="lantern", top="coat")
    whole = pen_of(3)
    moments = seconds_of(0.1, 0.4, 0.7)
    draw_person(whole, person, action, moments, facing=-1)
    for rows, columns in ((slice(10, 45), slice(30, 70)), (slice(50, 96), slice(0, 40))):
        window = Pen(whole.x[:, rows, columns], whole.y[:, rows], whole.pixel)
        draw_person(window, person, action, moments, facing=-1)
        torch.testing.assert_close(window.rgba, whole.rgba[:, :, rows, columns])


def test_nothing_is_drawn_out_of_view() -> None:
    pen = pen_of(2)
    away = Pen(pen.x + 5, pen.y, pen.pixel)
    draw_person(away, PLAIN, "wave", seconds_of(0.0, 0.2))
    draw_animal(away, Animal(kind="fox", coat="grey"), "run", seconds_of(0.0, 0.2))
    assert float(away.rgba.abs().max()) == 0


def test_a_figure_lies_over_what_was_drawn_before() -> None:
    pen = pen_of(1)
    pen.paint(torch.ones(1, 96, 90), (0.0, 1.0, 0.0))
    draw_person(pen, PLAIN, "stand", seconds_of(0.0))
    alone = drawn(PLAIN, "stand", 0.0)
    green = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1)
    torch.testing.assert_close(pen.rgba, alone + green * (1 - alone[3]))


@pytest.mark.parametrize("action", world.ACTIONS)
def test_every_frame_depends_on_its_own_time_only(action: str) -> None:
    moments = (0.0, 0.35, 0.7, 1.3)
    person = replace(PLAIN, prop="balloon", accessory="scarf")
    together = drawn(person, action, *moments, shows=CLOSE)
    for i, moment in enumerate(moments):
        alone = drawn(person, action, moment, shows=CLOSE)
        torch.testing.assert_close(together[:, i : i + 1], alone, atol=2e-4, rtol=0)


def test_who_faces_left_is_the_mirror_image_of_who_faces_right() -> None:
    right = drawn(replace(PLAIN, prop="basket"), "point", 0.2)
    left = drawn(replace(PLAIN, prop="basket"), "point", 0.2, facing=-1)
    torch.testing.assert_close(left.flip(-1), right, atol=1e-4, rtol=0)
    assert float((left - right).abs().max()) > 0.5


def test_a_cream_edge_surrounds_figures() -> None:
    layer = drawn(PLAIN, "stand", 0.0, shows=CLOSE)
    solid = layer[3, 0] > 0.99
    rim = solid & (torch.nn.functional.avg_pool2d((~solid)[None].float(), 3, 1, 1)[0] > 0)
    rim[0] = rim[-1] = False
    assert float(layer[:3, 0][:, rim].mean()) > 0.9


# --- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", VALUES)
def test_every_attribute_can_be_told_in_a_wide_shot(field: str) -> None:
    base = replace(PLAIN, **NEEDS.get(field, {}))
    looks = {
        value: drawn(replace(base, **{field: value}), "stand", 0.3)
        for value in VALUES[field]
        if (field, value) not in (("top_colour", "yellow"), ("pattern_colour", "blue"))
    }
    for (a, one), (b, other) in combinations(looks.items(), 2):
        told_apart = ((one - other).abs().amax(0) > 0.1).sum()
        assert told_apart >= 12, f"{a} and {b} look alike"


def test_colours_are_those_of_the_palette() -> None:
    for colour in world.COLOURS:
        for field in ("top_colour", "bottom_colour"):
            layer = drawn(replace(PLAIN, **{field: colour}), "stand", 0.0)
            assert shows(layer, world.PALETTE[colour]) > 15, (field, colour)
        striped = replace(PLAIN, pattern="striped", top_colour="black", pattern_colour=colour)
        assert colour == "black" or shows(drawn(striped, "stand", 0.0), world.PALETTE[colour]) > 8
    for skin, colour in SKIN.items():
        assert shows(drawn(replace(PLAIN, skin=skin), "stand", 0.0), colour) > 15, skin
    for name, colour in HAIR.items():
        assert shows(drawn(replace(PLAIN, hair_colour=name), "stand", 0.0), colour) > 15, name


@pytest.mark.parametrize("headwear", world.HEADWEAR)
@pytest.mark.parametrize("style", world.HAIR_STYLES[:-1])
def test_hair_is_seen_under_every_hat(style: str, headwear: str) -> None:
    person = replace(PLAIN, hair_style=style, headwear=headwear, hair_colour="ginger")
    assert shows(drawn(person, "stand", 0.0, shows=CLOSE), HAIR["ginger"]) > 40


def test_stature_and_breadth() -> None:
    def extent(build: str) -> tuple[float, float]:
        pen = pen_of(1)
        draw_person(pen, replace(PLAIN, build=build), "stand", seconds_of(0.0))
        seen = pen.rgba[3, 0] > 0.5
        body = seen & (pen.y[0] < 0.5) & (pen.y[0] > 0.3)
        return float(pen.y[0, :, 0][seen.any(1)].max()), float(body.sum(1).max()) * pen.pixel

    (child, _), (slim, narrow), (broad, wide) = map(extent, world.BUILDS)
    assert slim == pytest.approx(1.0, abs=0.03)
    assert broad == pytest.approx(slim, abs=0.02)
    assert child == pytest.approx(0.78 * slim, abs=0.03)
    assert wide > 1.3 * narrow


def test_a_back_has_no_face() -> None:
    skin = SKIN["tan"]
    for style in world.HAIR_STYLES[:-1]:
        person = replace(PLAIN, hair_style=style)
        front = drawn(person, "stand", 0.0, shows=CLOSE)
        back = drawn(person, "stand", 0.0, shows=CLOSE, away=True)
        white = (0.99, 0.985, 0.97)
        middle = slice(30, 60)
        assert shows(front[:, :, 35:70, middle], white, 0.01) > 20
        assert shows(back[:, :, 35:70, middle], white, 0.01) == 0
        assert shows(back, HAIR["brown"]) > shows(front, HAIR["brown"])
        assert shows(back, skin) < shows(front, skin) / 2


@pytest.mark.parametrize("prop", world.PROPS[1:])
def test_props_are_carried_through_every_action(prop: str) -> None:
    person = replace(PLAIN, prop=prop)
    for action in world.ACTIONS:
        layer = drawn(person, action, 0.2, 0.7)
        for frame in layer.split(1, dim=1):
            assert shows(frame, world.PALETTE["purple"]) >= 4, action


@pytest.mark.parametrize("coat", world.COATS)
def test_animals_wear_their_coat(coat: str) -> None:
    for kind in world.ANIMALS:
        pen = pen_of(1)
        draw_animal(pen, Animal(kind=kind, coat=coat), "stand", seconds_of(1.0))
        assert shows(pen.rgba, COAT[coat]) > 40, kind


def test_kinds_of_animals_have_their_own_outlines() -> None:
    outlines = {}
    for kind in world.ANIMALS:
        pen = pen_of(1, shows=(0.95, 0.32))
        draw_animal(pen, Animal(kind=kind, coat="grey"), "stand", seconds_of(0.0))
        outlines[kind] = pen.rgba[3, 0] > 0.5
    for (a, one), (b, other) in combinations(outlines.items(), 2):
        overlap = float((one & other).sum() / (one | other).sum())
        assert overlap < 0.8, f"{a} and {b} have nearly one outline"


# --- motion --------------------------------------------------------------------------------------


def body(action: str, seconds: np.ndarray, person: Person = PLAIN) -> Body:
    return Body(person, action, seconds.astype(np.float32))


def joints(of: Body) -> np.ndarray:
    """Hands, feet and head of all frames [points, T, 2]."""
    frames = 0 * of.at.rise
    points = [(frames + place.left, frames + place.low) for place in (
        of.head.moved(0.0, 0.8), of.trunk.moved(*of.near[2]), of.trunk.moved(*of.far[2])
    )]  # fmt: skip
    points += [of.near_leg[2], of.far_leg[2]]
    return np.stack([np.stack(np.broadcast_arrays(x, y), -1) for x, y in points])


@pytest.mark.parametrize("action", world.ACTIONS)
def test_actions_repeat_themselves_and_are_never_too_fast(action: str) -> None:
    moments = np.arange(0, 3, 1 / world.FPS)
    once, again = body(action, moments), body(action, moments + PERIOD[action])
    np.testing.assert_allclose(joints(once), joints(again), atol=1e-3)
    np.testing.assert_allclose(once.at.mouth, again.at.mouth, atol=1e-3)
    assert 0.8 <= PERIOD[action] <= 1.6
    speed = np.linalg.norm(np.diff(joints(once), axis=1), axis=-1).max()
    assert speed < 0.1


@lru_cache
def cycle(action: str, size: tuple[float, float]) -> Tensor:
    """Eight moments of an action's period."""
    return drawn(PLAIN, action, *(PERIOD[action] * i / 8 for i in range(8)), shows=size)


@pytest.mark.parametrize("action", world.ACTIONS)
def test_every_action_moves_and_looks_unlike_the_others(action: str) -> None:
    size = CLOSE if action in ("talk", "laugh", "nod") else WIDE
    own = cycle(action, size)
    moving = (own.amax(1) - own.amin(1)).amax(0) > 0.3
    assert int(moving.sum()) >= (8 if action in ("stand", "sit") else 40)
    for other in world.ACTIONS:
        if other != action:
            unlike = (own.mean(1) - cycle(other, size).mean(1)).abs().amax(0) > 0.15
            assert int(unlike.sum()) >= 20, other


def test_feet_stay_on_the_ground_unless_they_are_lifted() -> None:
    moments = np.arange(0, 1.6, 0.05)
    for action in world.ACTIONS:
        of = body(action, moments)
        near, far = of.near_leg[2][1], of.far_leg[2][1]
        assert min(near.min(), far.min()) >= 0.045 - 1e-6, action
        on_ground = np.minimum(near, far) < 0.05
        assert on_ground.mean() == 1 if action not in ("run", "jump") else on_ground.any(), action
    jump = body("jump", moments)
    both_up = np.minimum(jump.near_leg[2][1], jump.far_leg[2][1]).max()
    assert both_up > 0.15


def test_eyes_blink_and_close_in_laughter() -> None:
    white = (0.99, 0.985, 0.97)

    def eyes(action: str, moment: float) -> int:
        layer = drawn(PLAIN, action, moment, shows=CLOSE)
        return shows(layer[:, :, 38:55], white, 0.02)

    open_eyes = [eyes("stand", i / world.FPS) for i in range(40)]
    assert max(open_eyes) > 30
    assert 1 <= sum(count < 5 for count in open_eyes) <= 6
    assert max(eyes("laugh", i / world.FPS) for i in range(6)) < 5


def test_travel() -> None:
    seconds = torch.linspace(0, 2, 5).view(-1, 1, 1)
    assert float(travel("walk", seconds)[-1]) == pytest.approx(0.7, rel=0.2)
    assert float(travel("run", seconds)[-1]) == pytest.approx(1.6, rel=0.2)
    for action in {*world.ACTIONS, *world.ANIMAL_ACTIONS} - {"walk", "run"}:
        assert float(travel(action, seconds).abs().max()) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["person", "animal"])
def test_a_graphics_card_draws_the_same(kind: str) -> None:
    draw: Callable[[Pen, Tensor], None] = (
        (lambda pen, time: draw_person(pen, replace(PLAIN, prop="lantern"), "talk", time))
        if kind == "person"
        else (lambda pen, time: draw_animal(pen, Animal(kind="cat", coat="grey"), "walk", time))
    )
    here = pen_of(3)
    there = Pen(here.x.cuda(), here.y.cuda(), here.pixel)
    draw(here, seconds_of(0.0, 0.3, 0.6))
    draw(there, seconds_of(0.0, 0.3, 0.6).cuda())
    torch.testing.assert_close(there.rgba.cpu(), here.rgba, atol=1e-3, rtol=0)
