"""Random scenes hold together: exact lengths, the same from a seed, and the promised parts."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from holocine_core.lab.stage import world
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import (
    HELD_OUT_SEEDS,
    is_novel,
    sample_layout,
    sample_scene,
    spans,
)
from holocine_core.lab.stage.world import Person, Repertoire, Scene
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

SCENES = [sample_scene(seed) for seed in range(400)]


def test_a_seed_is_one_scene() -> None:
    assert sample_scene(7) == sample_scene(7)
    assert sample_scene(7) != sample_scene(8)


def test_spans_follow_the_grid() -> None:
    assert spans((1, 2, 3)) == (FrameSpan(0, 1), FrameSpan(1, 9), FrameSpan(9, 21))
    for scene in SCENES:
        assert scene.frames % 4 == 1
        assert 29 <= scene.frames <= 181
        assert all(shot.frames.start % 4 == 1 for shot in scene.shots[1:])


def test_a_given_layout_is_kept_and_changes_nobody() -> None:
    scene = sample_scene(11, layout=(4, 3, 5))
    assert [len(shot.frames) for shot in scene.shots] == [13, 12, 20]
    assert scene.place == sample_scene(11).place
    assert scene.cast == sample_scene(11).cast


def test_layouts_stay_within_limits() -> None:
    rng = random.Random(1)
    totals = [sum(sample_layout(rng, most=20, least=10)) for _ in range(200)]
    assert min(totals) >= 10
    assert max(totals) <= 20
    short = [sample_layout(rng, most=6, least=2, shots=(1, 2)) for _ in range(200)]
    assert {length for layout in short for length in layout} == {1, 2}
    assert {sum(layout) for layout in short} == {2, 3, 4, 5, 6}


def test_scenes_of_the_shortest_shots_are_drawn() -> None:
    scene = sample_scene(11, layout=(1, 2, 1))
    assert [len(shot.frames) for shot in scene.shots] == [1, 8, 4]
    assert draw(scene, 32, 48).shape == (13, 32, 48, 3)


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (world.SETS, {scene.place.set for scene in SCENES}),
        (world.TIMES, {scene.place.time for scene in SCENES}),
        (world.WEATHERS, {scene.place.weather for scene in SCENES}),
        (world.SIZES, {shot.size for scene in SCENES for shot in scene.shots}),
        (world.ANGLES, {shot.angle for scene in SCENES for shot in scene.shots}),
        (world.MOVEMENTS, {shot.movement for scene in SCENES for shot in scene.shots}),
        (world.FRAMINGS, {shot.framing for scene in SCENES for shot in scene.shots}),
    ],
)  # fmt: skip
def test_everything_is_seen(values: tuple[str, ...], seen: set[str]) -> None:
    assert seen == set(values)


def test_who_is_in_a_shot_fits_its_framing() -> None:
    expected = {"empty": 0, "single": 1, "two-shot": 2, "over-the-shoulder": 2}
    for scene in SCENES:
        for shot in scene.shots:
            assert len(shot.roles) == expected[shot.framing]
            assert len({role.who for role in shot.roles}) == len(shot.roles)
            if shot.framing == "over-the-shoulder":
                assert all(isinstance(scene.cast[role.who], Person) for role in shot.roles)


def leaves_and_returns(scene: Scene) -> bool:
    seen = [{role.who for role in shot.roles} for shot in scene.shots]
    return any(
        a & c - b for i, a in enumerate(seen) for b in seen[i + 1 : i + 2] for c in seen[i + 2 :]
    )


def test_many_scenes_send_someone_away_and_back() -> None:
    share = sum(map(leaves_and_returns, SCENES)) / len(SCENES)
    assert share > 0.25


def test_training_never_shows_what_is_held_out() -> None:
    assert not any(is_novel(scene.place, scene.cast) for scene in SCENES)
    kinds = Counter(
        is_novel(scene.place, scene.cast)
        for scene in map(sample_scene, range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + 300))
    )
    assert kinds[True] > 30
    assert kinds[False] > 100
    scene = sample_scene(HELD_OUT_SEEDS, novel=True)
    assert is_novel(scene.place, scene.cast)


def test_every_value_survives_the_holding_out() -> None:
    people = [m for scene in SCENES for m in scene.cast if isinstance(m, Person)]
    assert {p.top_colour for p in people} == set(world.COLOURS)
    assert {p.pattern for p in people} == set(world.PATTERNS)
    assert {p.hair_colour for p in people} == set(world.HAIR_COLOURS)


SMALL = Repertoire(
    sets=("harbour", "library"),
    times=("night",),
    weathers=("rain",),
    sizes=("wide", "close-up"),
    angles=("eye-level",),
    movements=("static", "push in"),
    actions=("stand", "run", "laugh"),
    casts=("two", "pet"),
)


def test_a_small_world_is_all_that_its_scenes_show() -> None:
    scenes = [sample_scene(seed, within=SMALL) for seed in range(300)]
    shots = [shot for scene in scenes for shot in scene.shots]
    assert {scene.place.set for scene in scenes} == set(SMALL.sets)
    assert {scene.place.time for scene in scenes} == {"night"}
    assert {scene.place.weather for scene in scenes} == {"rain"}
    assert {shot.size for shot in shots} == {"wide", "close-up"}
    assert {shot.angle for shot in shots} == {"eye-level"}
    assert {shot.movement for shot in shots} == {"static", "push in"}
    assert {role.action for shot in shots for role in shot.roles} == set(SMALL.actions)
    people = [sum(isinstance(who, Person) for who in scene.cast) for scene in scenes]
    assert {(len(scene.cast), n) for scene, n in zip(scenes, people, strict=True)} == {
        (2, 2),
        (2, 1),
    }


def test_the_whole_world_is_what_it_was() -> None:
    assert [sample_scene(seed, within=Repertoire()) for seed in range(400)] == SCENES


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("sets", ("moon",), "`sets` has no 'moon'; it has harbour"),
        ("times", (), "`times` is empty"),
        ("sizes", ("close-up",), "can't do without 'wide'"),
        ("movements", ("pan left",), "can't do without 'static'"),
    ],
)
def test_no_world_without_what_scenes_need(
    field: str, values: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Repertoire(**{field: values})
