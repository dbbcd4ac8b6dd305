"""Random scenes: who plays where, and how the camera tells it. No torch here.

Some combinations never occur in training scenes and only in held-out ones, so that an evaluation
can ask for what was never shown together.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from holocine_core.lab.stage import world
from holocine_core.lab.stage.world import (
    EVERYTHING,
    Animal,
    Framing,
    Person,
    Place,
    Repertoire,
    Role,
    Scene,
    Shot,
)
from holocine_core.script.timeline import FrameSpan

JUDGE_SEEDS = 5 * 10**8
"""Models that film learn from seeds below. From here on the judge learns, which marks them."""
HELD_OUT_SEEDS = 10**9
"""From here on training measures its held-out loss."""
SUITE_SEEDS = 15 * 10**8
"""From here on films are asked for and judged."""
CHECK_SEEDS = 2 * 10**9
"""From here on the judge's own accuracy is measured."""
PLACE_PAIR = ("set", "time")
LOOK_PAIRS = (("top_colour", "pattern"), ("top_colour", "hair_colour"))
"""Pairs of fields of which some combinations are kept out of training."""
SHOT_WEIGHTS = (8, 18, 25, 21, 11, 8, 5, 4)
"""How often a scene has 1, 2, ... 8 shots."""
MOST_SHOTS = len(SHOT_WEIGHTS)
SHOT_LENGTHS = (3, 10)
"""Shortest and longest shot in latent frames."""
_LENGTHS = (1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10)
"""What shots last in latent frames, the usual more often."""
MOST_LATENT_FRAMES = 46
"""12 seconds of 15 frames each, on the 4t+1 grid."""
_OVER_THE_SHOULDER = ("medium", "close-up")
_CLOSE_ACTIONS = ("stand", "talk", "laugh", "nod")
_MEDIUM_ACTIONS = (*_CLOSE_ACTIONS, "wave", "point", "bow", "dance", "walk")


def sample_layout(
    rng: random.Random,
    most: int = MOST_LATENT_FRAMES,
    least: int = 8,
    shots: tuple[int, int] = SHOT_LENGTHS,
) -> tuple[int, ...]:
    """Lengths of a scene's shots in latent frames, 1 to 8 shots, within the limits.

    Args:
        rng: Decides.
        most: Of the whole scene.
        least: Of the whole scene.
        shots: Shortest and longest shot.
    """
    known = [length for length in _LENGTHS if shots[0] <= length <= shots[1]]
    while True:
        count = rng.choices(range(1, MOST_SHOTS + 1), SHOT_WEIGHTS)[0]
        lengths = tuple(rng.choice(known) for _ in range(count))
        if least <= sum(lengths) <= most:
            return lengths


def spans(layout: Sequence[int]) -> tuple[FrameSpan, ...]:
    """Frames of every shot: the first latent frame is one frame, all others are four."""
    edges = [0]
    for length in layout:
        edges.append((edges[-1] or -3) + 4 * length)
    return tuple(FrameSpan(a, b) for a, b in pairwise(edges))


def sample_scene(
    seed: int,
    layout: tuple[int, ...] | None = None,
    *,
    novel: bool | None = None,
    within: Repertoire = EVERYTHING,
    lead: Person | None = None,
) -> Scene:
    """The scene of a seed.

    Args:
        seed: Who may use which is said above.
        layout: Shot lengths in latent frames; drawn from the seed if not given.
        novel: Whether its combinations (see :func:`is_novel`) are those kept out of training;
            None: as they come for held-out seeds, never for others.
        within: What it may be made of.
        lead: The only person; combinations are then whatever they come to.
    """
    rng = random.Random(f"scene {seed}")
    drawn = sample_layout(rng)
    if novel is None and seed < HELD_OUT_SEEDS:
        novel = False
    while True:
        place = _place(rng, within)
        cast = _cast(rng, within) if lead is None else (lead,)
        if novel is None or novel == is_novel(place, () if lead is not None else cast):
            break
    shots = _shots(rng, cast, spans(layout or drawn), within)
    return Scene(seed=seed, place=place, cast=cast, shots=shots)


def is_novel(place: Place, cast: Sequence[Person | Animal]) -> bool:
    """Whether a scene shows a combination that training never does.

    These are a time of day for four of the sets, and for three of the colours of tops a pattern and
    a colour of hair.
    """
    people = [member for member in cast if isinstance(member, Person)]
    return is_novel_place(place) or any(novel_looks(person) for person in people)


def is_novel_place(place: Place) -> bool:
    """Whether training never shows a set at this time of day."""
    return (world.SETS.index(place.set) + world.TIMES.index(place.time)) % 12 == 5


def novel_looks(person: Person) -> tuple[tuple[str, str], ...]:
    """The pairs of a person's fields that training never shows with these values."""
    top = world.COLOURS.index(person.top_colour)
    pattern = world.PATTERNS.index(person.pattern)
    hair = world.HAIR_COLOURS.index(person.hair_colour)
    found = []
    if (top * 5 + pattern) % 16 == 6:
        found.append(LOOK_PAIRS[0])
    if (top + 3 * hair) % 20 == 7:
        found.append(LOOK_PAIRS[1])
    return tuple(found)


def _place(rng: random.Random, within: Repertoire) -> Place:
    return Place(
        set=rng.choice(within.sets),
        time=rng.choice(within.times),
        weather=_weighted(rng, world.WEATHERS, (4, 2, 2, 2), within.weathers),
        accent=rng.choice(world.COLOURS),
        landmark=rng.randrange(2),
        side=rng.choice((-1, 1)),
        seed=0,
    )


def _weighted(
    rng: random.Random, values: Sequence[str], weights: Sequence[int], allowed: Sequence[str]
) -> str:
    """One of the values that are allowed, the likelier the greater its weight."""
    kept = [(v, w) for v, w in zip(values, weights, strict=True) if v in allowed and w]
    return rng.choices([v for v, _ in kept], [w for _, w in kept])[0]


def sample_person(rng: random.Random) -> Person:
    """A random look."""
    top = rng.choice(world.COLOURS)

    def other(colour: str) -> str:
        return rng.choice([c for c in world.COLOURS if c != colour])

    return Person(
        build=rng.choice(world.BUILDS),
        skin=rng.choice(world.SKINS),
        hair_colour=rng.choice(world.HAIR_COLOURS),
        hair_style=rng.choices(world.HAIR_STYLES, (5, 5, 5, 4, 4, 2))[0],
        headwear=rng.choices(world.HEADWEAR, (6, 2, 2, 2, 2))[0],
        headwear_colour=rng.choice(world.COLOURS),
        top=rng.choice(world.TOPS),
        top_colour=top,
        pattern=rng.choices(world.PATTERNS, (4, 2, 2, 2))[0],
        pattern_colour=other(top),
        bottom=rng.choice(world.BOTTOMS),
        bottom_colour=other(top),
        accessory=rng.choices(world.ACCESSORIES, (4, 2, 2, 2, 2))[0],
        accessory_colour=other(top),
        prop=rng.choices(world.PROPS, (8, 1, 1, 1, 1, 1))[0],
        prop_colour=rng.choice(world.COLOURS),
    )


def _animal(rng: random.Random) -> Animal:
    return Animal(kind=rng.choice(world.ANIMALS), coat=rng.choice(world.COATS))


def _cast(rng: random.Random, within: Repertoire) -> tuple[Person | Animal, ...]:
    kind = _weighted(rng, world.CASTS, (36, 40, 14, 5, 5), within.casts)
    first = sample_person(rng)
    if kind == "one":
        return (first,)
    if kind == "animal":
        return (_animal(rng),)
    if kind == "pet":
        return (first, _animal(rng))
    second = sample_person(rng)
    while _alike(first, second) > 6:
        second = sample_person(rng)
    # Two people are told apart by their tops' colours; where these agree, much else differs.
    if first.top_colour == second.top_colour and rng.random() < 0.8:
        colours = [c for c in world.COLOURS if c != first.top_colour]
        second = replace(second, top_colour=rng.choice(colours))
        if second.pattern_colour == second.top_colour:
            second = replace(second, pattern_colour=first.top_colour)
    return (first, second) if kind == "two" else (first, second, _animal(rng))


def _alike(a: Person, b: Person) -> int:
    return sum(getattr(a, name) == getattr(b, name) for name in Person.__slots__)


# --- how the camera tells it ---------------------------------------------------------------------


def _shots(
    rng: random.Random,
    cast: tuple[Person | Animal, ...],
    frames: tuple[FrameSpan, ...],
    within: Repertoire,
) -> tuple[Shot, ...]:
    home = _homes(rng, len(cast))
    return tuple(
        _shot(rng, cast, home, who, span, within)
        for who, span in zip(_order(rng, len(cast), len(frames)), frames, strict=True)
    )


def _homes(rng: random.Random, members: int) -> tuple[float, ...]:
    """Where each member stands in every shot that doesn't move it: marks as actors have them, so
    that a place is seen from few points and can be learned from few scenes."""
    homes = [0.75 * (i - (members - 1) / 2) for i in range(members)]
    rng.shuffle(homes)
    return tuple(homes)


def _order(rng: random.Random, members: int, shots: int) -> list[tuple[int, ...]]:
    """Whom each shot is about: indices into the cast, none for an establishing shot.

    Half of the longer scenes send a member away and bring it back (A-B-A, A-B-A-B...).
    """
    everyone = tuple(range(members))
    pairs = [tuple(rng.sample(everyone, 2))] if members > 1 else []
    if shots >= 3 and rng.random() < 0.5:
        a = rng.randrange(members)
        others: list[tuple[int, ...]] = [(b,) for b in everyone if b != a] or [()]
        if members == 1 and rng.random() < 0.5:
            return [(a,)] * shots
        other = rng.choice(others)
        order = [(a,) if i % 2 == 0 else other for i in range(shots)]
        if shots > 3 and pairs and rng.random() < 0.4:
            order[-1] = pairs[0]
        return order
    choices: list[tuple[int, ...]] = [(i,) for i in everyone for _ in range(3)]
    choices += pairs * 4
    order = [rng.choice(choices) for _ in range(shots)]
    if rng.random() < 0.12:
        order[0] = ()
    return order


def _shot(
    rng: random.Random,
    cast: tuple[Person | Animal, ...],
    home: tuple[float, ...],
    who: tuple[int, ...],
    span: FrameSpan,
    within: Repertoire,
) -> Shot:
    people = [isinstance(cast[i], Person) for i in who]
    framing: Framing = "empty" if not who else "single" if len(who) == 1 else "two-shot"
    near = any(size in within.sizes for size in _OVER_THE_SHOULDER)
    if framing == "two-shot" and all(people) and rng.random() < 0.4 and near:
        framing = "over-the-shoulder"
    size = _size(rng, framing, all(people), within)
    actions = [_action(rng, size, framing, person, within) for person in people]
    movement = _movement(rng, framing, size, actions, within)
    seconds = len(span) / world.FPS
    roles = []
    for i, action in zip(who, actions, strict=True):
        facing = rng.choice((-1, 1))
        x = home[i]
        if len(who) == 2:
            other = home[who[1] if i == who[0] else who[0]]
            facing = 1 if other > x else -1
        if action in ("walk", "run"):
            # Half of the way lies before home, so that it is passed in the middle of the shot.
            x -= facing * (0.35 if action == "walk" else 0.8) * seconds / 2
        phase = rng.choice((0.0, 0.5))
        roles.append(Role(who=i, action=action, x=x, facing=facing, phase=phase))
    return Shot(
        frames=span,
        size=size,
        framing=framing,
        angle=_weighted(rng, world.ANGLES, (7, 2, 2), within.angles),
        movement=movement,
        roles=tuple(roles),
    )


def _size(rng: random.Random, framing: Framing, people: bool, within: Repertoire) -> str:
    if framing == "empty":
        return "wide"
    if framing == "two-shot":
        weights = (5, 5 if people else 0, 0, 0)
    elif framing == "over-the-shoulder":
        return rng.choice([size for size in _OVER_THE_SHOULDER if size in within.sizes])
    else:
        weights = (28, 36, 26, 10) if people else (40, 35, 25, 0)
    return _weighted(rng, world.SIZES, weights, within.sizes)


def _action(
    rng: random.Random, size: str, framing: Framing, person: bool, within: Repertoire
) -> str:
    if not person:
        known: Sequence[str] = world.ANIMAL_ACTIONS if size == "wide" else ("stand", "sit", "jump")
    elif size in ("close-up", "extreme close-up"):
        known = _CLOSE_ACTIONS
    elif framing != "single":
        still = tuple(a for a in world.ACTIONS if a not in ("walk", "run"))
        known = still if size == "wide" else _CLOSE_ACTIONS
    else:
        known = world.ACTIONS if size == "wide" else _MEDIUM_ACTIONS
    return rng.choice([action for action in known if action in within.actions])


def _movement(
    rng: random.Random,
    framing: Framing,
    size: str,
    actions: Sequence[str],
    within: Repertoire,
) -> str:
    follows = framing == "single" and actions[0] in ("walk", "run")
    if follows and rng.random() < 0.55 and "tracking" in within.movements:
        return "tracking"
    if rng.random() < 0.45 or framing == "over-the-shoulder":
        return "static"
    if size == "extreme close-up":
        known: Sequence[str] = ("static", "push in", "pull out")
    else:
        known = [m for m in world.MOVEMENTS if m not in ("static", "tracking")]
    return rng.choice([m for m in known if m in within.movements] or ["static"])
