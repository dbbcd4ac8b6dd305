"""The one name of a shot, everywhere that shots are told of or asked for.

``SCENE:NUMBER`` (``quay:2``), the number being that in its scene, from 1; in a film of one scene
the number alone. Cards are no shots: they are never counted, and have names of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from holocine_core.errors import InputError
from holocine_core.script.timing import is_number

Place = tuple[str, int]
"""A shot's scene, and its number in it from 1."""
WORDS = 40
"""Letters of a shot's text that tell it apart from others."""


def shot_name(scene: str, number: int, scenes: int) -> str:
    """A shot's name, which ``--shot`` takes back.

    Args:
        scene: The id of its scene.
        number: Its number in the scene, from 1.
        scenes: How many scenes the film has.
    """
    return str(number) if scenes == 1 else f"{scene}:{number}"


def shots_named(scene: str, numbers: Iterable[int], scenes: int) -> str:
    """Shots of one scene by name, in a row. Arguments as of :func:`shot_name`."""
    return ", ".join(shot_name(scene, number, scenes) for number in numbers)


def card_name(place: str) -> str:
    """What a card is called where shots have their names."""
    return f"{place} card"


def first_words(text: str, most: int = WORDS) -> str:
    """The beginning of a shot's text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def find_shot(
    said: str,
    film: Mapping[str, Sequence[str]],
    counted: Sequence[Sequence[Place | None]] = (),
) -> Place:
    """The shot that a person means.

    ``SCENE:NUMBER`` is that shot, and in a film of one scene so is a number. In a film of several
    scenes a number may have been counted in many ways; it is taken where all of them come to the
    same shot.

    Args:
        said: What was given.
        film: Scene -> the texts of its shots, in the film's order.
        counted: Further orders in which somebody may have counted through the film, beside that
            of all its shots; None for what is counted and is no shot.

    Raises:
        InputError: There is no such shot, or it could be several: all of them are named.
    """
    scene, colon, digits = said.rpartition(":")
    if not is_number(digits) or int(digits) < 1:
        raise InputError(f"--shot {said} is no shot", hint=f"name one: {_examples(film)}")
    number = int(digits)
    if colon and scene not in film:
        raise InputError(f"the film has no scene '{scene}'", hint=f"its scenes: {', '.join(film)}")
    if colon or len(film) == 1:
        return _in_scene(scene if colon else next(iter(film)), number, film)
    places = [(name, i) for name, texts in film.items() for i in range(1, len(texts) + 1)]
    meant = set(_meant(number, film, (places, *counted)))
    found = [place for place in places if place in meant]
    if not found:
        shots = ", ".join(_of(name, film) for name in film)
        raise InputError(f"the film has no shot {said}", hint=f"its shots: {shots}")
    if len(found) > 1:
        *most, last = [_shown(place, film) for place in found]
        raise InputError(
            f"--shot {said} could be {', '.join(most)} or {last}",
            hint=f"say which by its name: --shot {shot_name(*found[0], len(film))}",
        )
    return found[0]


def _in_scene(scene: str, number: int, film: Mapping[str, Sequence[str]]) -> Place:
    if number > len(film[scene]):
        name = shot_name(scene, number, len(film))
        whose = "its shots" if len(film) == 1 else "those of the scene"
        raise InputError(f"the film has no shot {name}", hint=f"{whose}: {_of(scene, film)}")
    return scene, number


def _meant(
    number: int, film: Mapping[str, Sequence[str]], orders: Iterable[Sequence[Place | None]]
) -> Iterator[Place]:
    """Every shot that a number may stand for."""
    for order in orders:
        if number <= len(order) and (place := order[number - 1]) is not None:
            yield place
    yield from ((scene, number) for scene, texts in film.items() if number <= len(texts))


def _shown(place: Place, film: Mapping[str, Sequence[str]]) -> str:
    scene, number = place
    return f'{shot_name(scene, number, len(film))} "{first_words(film[scene][number - 1])}"'


def _of(scene: str, film: Mapping[str, Sequence[str]]) -> str:
    """A scene's shots, by the first and the last."""
    ends = sorted({1, len(film[scene])})
    return " to ".join(shot_name(scene, end, len(film)) for end in ends)


def _examples(film: Mapping[str, Sequence[str]]) -> str:
    scene, texts = next(iter(film.items()))
    name = shot_name(scene, len(texts), len(film))
    return f"{name}, or {scene}:{len(texts)}" if len(film) == 1 else f"SCENE:NUMBER such as {name}"
