"""What one shot shows and how it is filmed, in words. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from holocine_core.lab.stage.grammar import bare, finished, gerund, third
from holocine_core.lab.stage.sentences import PRONOUNS
from holocine_core.lab.stage.tell_cast import Portrait
from holocine_core.lab.stage.tell_place import amid, where
from holocine_core.lab.stage.view import left_to_right
from holocine_core.lab.stage.voice import Voice
from holocine_core.lab.stage.words import KEYS
from holocine_core.lab.stage.world import INTERIORS, Animal, Role, Scene, Shot

_CAMERA_NOUNS = frozenset(("pan", "tilt", "push", "pull", "dolly", "zoom", "swing"))
_LAYOUTS: Mapping[str, Mapping[str, int]] = {
    "terse": {"head": 12, "of": 5, "short size": 3, "shows": 0, "within": 1, "plain": 2},
    "plain": {"head": 6, "of": 5, "short size": 2, "shows": 3, "within": 4, "plain": 8},
    "florid": {"head": 2, "of": 3, "short size": 1, "shows": 6, "within": 6, "plain": 10},
}
_REPEATED = 0.2
"""How often a shot says once more what somebody looks like."""
_SIDED = 0.3
"""How often a shot of two says who stands where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """How the shots call a member of the cast, and what it looks like."""

    call: str
    portrait: Portrait


@dataclass(frozen=True, slots=True)
class _Event:
    """What happens: as a clause, or as a thing to see and then perhaps another clause."""

    clause: str
    thing: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class _Camera:
    """The camera's words; the empty text where something isn't said here."""

    size: str
    angle: str
    movement: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotTeller:
    """Tells the shots of a scene.

    Attributes:
        scene: The truth.
        place: Told fields of its place.
        order: Those who are seen, as they are introduced.
        cast: Per member, how it is called; None for those who never appear.
        voice: Who tells.
    """

    scene: Scene
    place: Set[str]
    order: Sequence[int]
    cast: Sequence[Character | None]
    voice: Voice

    def tell(self, index: int, told: Set[str]) -> tuple[str, Mapping[str, str]]:
        """A shot's prompt and its keys.

        Args:
            index: Which shot.
            told: ``size``, ``angle``, ``movement`` and ``action:<who>``, as far as to be told.
        """
        shot, voice = self.scene.shots[index], self.voice
        truth = {"size": shot.size, "angle": shot.angle, "movement": shot.movement}
        keys = {
            name: voice.rng.choice(KEYS[name][value])
            for name, value in truth.items()
            if name in told and not voice.held_out and voice.chance(0.5)
        }
        prose = told - keys.keys()
        framed = "size" not in keys and shot.framing in KEYS["size"] and voice.chance(0.25)
        if framed:
            keys["size"] = shot.framing
        size = self._size(shot, "size" in prose, framed)
        event = self._event(index, told, over="shoulder" in size)
        angle = voice.say("angle", shot.angle) if "angle" in prose else ""
        movement = self._movement(shot) if "movement" in prose else ("", "")
        text = _laid_out(_Camera(size, angle, *movement), event, voice)
        if text[-1] not in ".!?" and not (voice.register == "terse" and voice.chance(0.3)):
            text += "."
        return finished(text), keys

    # --- the camera ------------------------------------------------------------------------------

    def _size(self, shot: Shot, told: bool, framed: bool) -> str:
        """Size and framing; ``framed``: a key says the framing."""
        voice = self.voice
        size = voice.say("size", shot.size) if told else ""
        shares = {"two-shot": 0.55, "over-the-shoulder": 0.4, "empty": 0.6}
        if framed or not voice.chance(shares.get(shot.framing, 0)):
            return size
        use = {"over-the-shoulder": "over"}.get(shot.framing, shot.framing)
        return voice.pick(f"sized {use}").format(size=size) if size else voice.pick(use)

    def _movement(self, shot: Shot) -> tuple[str, str]:
        """The movement as a clause and as a note."""
        voice = self.voice
        base = voice.say("movement", shot.movement)
        if shot.movement == "static":
            clause, note = voice.pick("static camera"), voice.pick("static note")
            return clause.format(x=base), note.format(x=base)
        does, moving = third(base), gerund(base)
        if base in ("follow", "accompany") and shot.roles:
            does += f" {self._call(shot.roles[0])}"
        slowly = base.startswith("slowly")
        clause = "the camera {does}" if slowly else voice.pick("camera")
        if shot.movement == "tracking":
            note = voice.pick("tracking note").format(moving=moving.split(" ")[0])
        elif slowly:
            note = moving
        elif base.split(" ")[0] in _CAMERA_NOUNS:
            note = voice.pick("note").format(move=base, moving=moving)
        else:
            note = f"camera {moving}"
        return clause.format(does=does), note

    # --- what happens ----------------------------------------------------------------------------

    def _event(self, index: int, told: Set[str], *, over: bool) -> _Event:
        """What happens; ``over``: the camera's words say that it looks over a shoulder."""
        shot = self.scene.shots[index]
        if not shot.roles:
            return self._nobody()
        if shot.framing == "over-the-shoulder":
            return self._over(shot, told, noted=over)
        if len(shot.roles) == 1:
            return self._one(shot, told, seen=self._seen_before(index, shot.roles[0].who))
        return self._two(shot, told)

    def _nobody(self) -> _Event:
        voice = self.voice
        place = "the place"
        if "set" in self.place:
            place = f"the {voice.say('set', self.scene.place.set)}"
        clause = voice.pick("nobody").format(place=place)
        rest = voice.pick("nobody").format(place="the place") if voice.chance(0.3) else ""
        return _Event(clause, place, rest)

    def _one(self, shot: Shot, told: Set[str], *, seen: bool) -> _Event:
        """One subject; ``seen``: an earlier shot has shown it."""
        voice, role = self.voice, shot.roles[0]
        character = self._character(role)
        gender = character.portrait.gender
        call = self._again(role)
        if f"action:{role.who}" not in told:
            return _Event(voice.pick("alone").format(a=call), call)
        does = f"{self._base(role)}{self._around(shot)}"
        others = len(self.cast) - self.cast.count(None) > 1
        if seen and gender and not others and voice.chance(0.12):
            they = PRONOUNS[gender][0]
            return _Event(voice.pick("does").format(who=they, third=third(does), ing=gerund(does)))
        clause = voice.pick("does").format(who=call, third=third(does), ing=gerund(does))
        if gender and voice.chance(0.4):
            they = PRONOUNS[gender][0]
            if voice.chance(0.5):
                thing = voice.pick("as").format(who=call, they=they, third=third(does))
                return _Event(clause, thing)
            return _Event(clause, call, f"{they} {third(does)}")
        thing = voice.pick("doing").format(who=call, ing=gerund(does))
        noted = voice.register == "terse" and voice.chance(0.4)
        return _Event(thing if noted else clause, thing)

    def _two(self, shot: Shot, told: Set[str]) -> _Event:
        """Two of the cast: who stands left comes first, as under a photograph, unless it is said
        who stands where."""
        voice = self.voice
        first, second = left_to_right(shot)
        a, b, turned = self._sides(shot, self._again(first), self._again(second))
        if turned:
            first, second, a, b = second, first, b, a
        acts = [f"action:{role.who}" in told for role in (first, second)]
        if not any(acts):
            return _Event(voice.pick("pair").format(a=a, b=b), f"{a} and {b}", self._facing(shot))
        if not acts[1]:
            return _Event(voice.pick("beside").format(a_does=self._does(a, first), b=b))
        if not acts[0]:
            return _Event(voice.pick("beside first").format(a=a, b_does=self._does(b, second)))
        if first.action == second.action and voice.chance(0.8):
            base = self._base(first, aside=False)
            clause = voice.pick("same").format(a=a, b=b, base=base, ing=gerund(base))
            return _Event(clause, f"{a} and {b}", voice.pick("they").format(base=base))
        clause = voice.pick("each").format(
            a_does=self._does(a, first), b_does=self._does(b, second)
        )
        again = voice.pick("each").format(
            a_does=self._does(self._call(first), first),
            b_does=self._does(self._call(second), second),
        )
        facing = self._facing(shot)
        return _Event(f"{clause}. {facing}" if facing else clause, f"{a} and {b}", again)

    def _sides(self, shot: Shot, left: str, right: str) -> tuple[str, str, bool]:
        """Both calls, with the side of one or both where who stands right was introduced first, and
        else now and then; and whether the one on the right comes first, which it may where a side
        is said."""
        voice = self.voice
        first, second = (self.order.index(role.who) for role in left_to_right(shot))
        if not voice.chance(_SIDED) and first < second:
            return left, right, False
        which = voice.rng.choice(("both", "both", "left", "right"))
        if which != "right":
            left = f"{left} {voice.pick('on left')}"
        if which != "left":
            right = f"{right} {voice.pick('on right')}"
        turned = voice.chance(0.4)
        # Whose side alone is said comes first: "Ada and Ben on the left" reads as both of them.
        right_first = turned if which == "both" else which == "right"
        return left, right, right_first

    def _over(self, shot: Shot, told: Set[str], *, noted: bool) -> _Event:
        """One seen over the shoulder of another; order and sides as of two."""
        voice = self.voice
        first, second = shot.roles
        near_left = left_to_right(shot)[0] is second
        a, b = self._again(first), self._call(second)
        left, right, turned = self._sides(shot, *((b, a) if near_left else (a, b)))
        a, b = (right, left) if near_left else (left, right)
        if f"action:{first.who}" in told:
            does = self._base(first)
            a_does = voice.pick("does").format(who=a, third=third(does), ing=gerund(does))
            a_thing = f"{a} {gerund(does)}"
        else:
            a_does = a_thing = a
        use = "over on left" if near_left is not turned else "over on right"
        if noted or " in " in b or b != self._call(second):
            use = f"{use} long"
        return _Event(voice.pick(use).format(a_does=a_does, a_thing=a_thing, b=b))

    def _facing(self, shot: Shot) -> str:
        """That two people face each other, where they do."""
        first, second = shot.roles
        people = not any(isinstance(self.scene.cast[r.who], Animal) for r in shot.roles)
        towards = 1 if second.x > first.x else -1
        face = first.facing == towards and second.facing == -towards
        return self.voice.pick("facing") if people and face and self.voice.chance(0.15) else ""

    # --- small parts -----------------------------------------------------------------------------

    def _does(self, call: str, role: Role) -> str:
        base = self._base(role)
        return self.voice.pick("does").format(who=call, third=third(base), ing=gerund(base))

    def _base(self, role: Role, *, aside: bool = True) -> str:
        """A role's action as a plain verb, perhaps with its direction."""
        voice = self.voice
        base = voice.say("action", role.action)
        side = "left" if role.facing < 0 else "right"
        if aside and role.action in ("walk", "run") and voice.chance(0.35):
            return f"{base} {voice.pick(f'go {side}')}"
        if aside and base in ("point", "gesture") and voice.chance(0.5):
            return f"{base} {voice.pick(f'point {side}')}"
        return base

    def _around(self, shot: Shot) -> str:
        """Where or in what weather something happens, now and then."""
        voice, place = self.voice, self.scene.place
        share = {"terse": 0.03, "plain": 0.1, "florid": 0.25}[voice.register]
        if shot.size not in ("wide", "medium") or not voice.chance(share):
            return ""
        if "set" not in self.place:
            return ""
        if voice.chance(0.6):
            return f" {where(place, voice)}"
        if "weather" in self.place and place.set not in INTERIORS:
            return f" {amid(voice.say('weather', place.weather), voice, indoors=False)}"
        return ""

    def _character(self, role: Role) -> Character:
        character = self.cast[role.who]
        assert character is not None
        return character

    def _call(self, role: Role) -> str:
        return self._character(role).call

    def _again(self, role: Role) -> str:
        """A member's call, now and then with something of its look."""
        character, voice = self._character(role), self.voice
        items = [item for item in character.portrait.items if " in " not in item.text]
        # A call that needs a look to be clear takes no more.
        if not items or " in " in character.call or not voice.chance(_REPEATED):
            return character.call
        item = voice.rng.choice(items)
        if item.kind == "with":
            return voice.pick("again so").format(who=character.call, x=item.text)
        use = "again" if item.kind in ("in", "worn") else "again with"
        return voice.pick(use).format(who=character.call, x=bare(item.text))

    def _seen_before(self, index: int, who: int) -> bool:
        return any(role.who == who for shot in self.scene.shots[:index] for role in shot.roles)


# --- putting it together -------------------------------------------------------------------------


def _laid_out(camera: _Camera, event: _Event, voice: Voice) -> str:
    """A shot's text."""
    weights = dict(_LAYOUTS[voice.register])
    takes_article = camera.size.endswith(("shot", "view", "close-up", "closeup"))
    if not camera.size:
        weights |= {"of": 0, "shows": 0, "within": 0, "short size": 0}
    if not event.thing:
        weights |= {"of": 0, "shows": 0}
    if not takes_article or "," in camera.size:
        weights |= {"shows": 0, "within": 0}
    if camera.size or not (camera.angle or camera.movement):
        weights["head" if not camera.size else "plain"] = 0
    layout = voice.rng.choices(list(weights), list(weights.values()))[0]
    if layout == "head":
        return _with_head(camera, event, voice)
    clause = event.clause
    if layout in ("within", "short size"):
        clause = voice.pick(layout).format(size=camera.size, clause=clause)
    elif layout in ("of", "shows"):
        clause = voice.pick(layout).format(size=camera.size, thing=event.thing)
    clause = _seen(camera, clause, voice)
    if layout in ("of", "shows") and event.rest:
        clause = f"{clause}. {event.rest}"
    return _moved(camera, clause, voice)


def _with_head(camera: _Camera, event: _Event, voice: Voice) -> str:
    """The camera's words as notes before what happens."""
    noted = voice.chance(0.6)
    notes = [camera.size, camera.angle, camera.note if noted else ""]
    if voice.chance(0.2):
        voice.rng.shuffle(notes)
    head = ", ".join(filter(None, notes))
    joint = voice.pick("terse head joint" if voice.register == "terse" else "head joint")
    text = f"{head}{joint}{event.clause}" if head else event.clause
    return text if noted else _moved(camera, text, voice)


def _seen(camera: _Camera, clause: str, voice: Voice) -> str:
    """A clause, and from where it is seen."""
    if not camera.angle:
        return clause
    angle = camera.angle
    if not angle.startswith(("from ", "at ", "straight ")):
        angle = ("at " if angle == "eye level" else "from a ") + angle
    use = "seen first" if ". " in clause else "seen"
    return voice.pick(use).format(clause=clause, angle=angle)


def _moved(camera: _Camera, clause: str, voice: Voice) -> str:
    """A clause, and how the camera moves meanwhile."""
    if not camera.movement:
        return clause
    use = "then" if ". " in clause or not camera.movement.startswith("the ") else "while"
    use = "then" if voice.chance(0.4) else use
    use = "then first" if ":" in clause else use
    return voice.pick(use).format(clause=clause, camera=camera.movement)
