"""The words for everything the stage can show, some of them kept out of training. No torch here.

Held-out words are everyday synonyms that training captions never use: an evaluation asks whether
the model understands them from their likeness to words it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The ways to say one value."""

    train: tuple[str, ...]
    held_out: tuple[str, ...] = ()


def _w(train: str, held_out: str = "") -> Words:
    split = [
        tuple(filter(None, (p.strip() for p in text.split("|")))) for text in (train, held_out)
    ]
    return Words(*split)


_COLOURS = {
    "red": _w("red|scarlet|bright red", "crimson"),
    "orange": _w("orange|bright orange", "tangerine"),
    "yellow": _w("yellow|lemon yellow|golden yellow", "sunny yellow|mustard"),
    "green": _w("green|leaf green|grass green", "emerald"),
    "blue": _w("blue|bright blue|royal blue", "azure"),
    "purple": _w("purple|violet", "lilac"),
    "white": _w("white|cream white", "ivory"),
    "black": _w("black|coal black", "jet black|ebony"),
}

WORDS: Mapping[str, Mapping[str, Words]] = {
    "set": {
        "harbour": _w("harbour|harbor|quay by the sea|waterfront|seaport", "pier|dockside"),
        "forest": _w("forest|woods|deep forest|forest clearing", "woodland|grove"),
        "mountains": _w("mountains|mountain pass|high mountains|mountain slope", "alps|peaks"),
        "street": _w("street|city street|street in the town|town street",
                     "avenue|road in the city"),
        "desert": _w("desert|sandy desert|sand dunes|dunes", "sahara|sands"),
        "meadow": _w("meadow|green meadow|farm meadow|field|country field", "pasture|grassland"),
        "market": _w("market|market square|street market|market place", "bazaar|fair"),
        "station": _w("station|railway station|train station|station platform",
                      "train platform|depot"),
        "kitchen": _w("kitchen|cosy kitchen|old kitchen|farm kitchen", "cookhouse|galley"),
        "library": _w("library|old library|room full of books|reading room", "bookshop|study"),
        "bedroom": _w("bedroom|attic bedroom|small bedroom", "bedchamber|sleeping room"),
        "workshop": _w("workshop|inventor's workshop|tool workshop", "studio|garage"),
    },
    "time": {
        "dawn": _w("dawn|sunrise|early morning|first light", "daybreak"),
        "day": _w("day|daytime|noon|midday|broad daylight", "afternoon"),
        "dusk": _w("dusk|sunset|evening|golden evening light", "twilight|sundown"),
        "night": _w("night|nighttime|late at night|dark night", "midnight"),
    },
    "weather": {
        "clear": _w("clear weather|a clear sky|fine weather|no clouds",
                    "fair weather|a cloudless sky"),
        "rain": _w("rain|it is raining|rainy weather|falling rain", "a downpour|a drizzle"),
        "snow": _w("snow|it is snowing|snowy weather|falling snow", "a blizzard|snowfall"),
        "fog": _w("fog|it is foggy|thick fog|mist", "haze|misty air"),
    },
    "build": {
        "small": _w("child|kid|little child|small child", "youngster|toddler"),
        "slim": _w("slim|thin|slender", "skinny|lean"),
        "broad": _w("broad|stout|big|heavy", "burly|plump"),
    },
    "skin": {
        "pale": _w("pale skin|fair skin|light skin", "a pale complexion"),
        "tan": _w("tanned skin|tan skin|olive skin", "sunburnt skin"),
        "brown": _w("brown skin|light brown skin", "bronze skin"),
        "dark": _w("dark skin|black skin|dark brown skin", "deep dark skin"),
    },
    "hair_colour": {
        "black": _w("black|dark", "raven"),
        "brown": _w("brown|chestnut", "brunette"),
        "ginger": _w("ginger|red|orange", "auburn|copper"),
        "blond": _w("blond|blonde|yellow|fair", "golden"),
        "grey": _w("grey|gray|silver", "silvery|ashen"),
    },
    "hair_style": {
        "short": _w("short|short cropped", "trimmed"),
        "long": _w("long|long straight", "flowing"),
        "curly": _w("curly|big curly", "frizzy|wavy"),
        "braids": _w("braids|two braids|braided hair", "plaits|pigtails"),
        "bun": _w("bun|hair in a bun|a hair bun", "topknot"),
        "bald": _w("bald|bald head|no hair", "hairless|shaven"),
    },
    "headwear": {
        "straw hat": _w("straw hat|wide straw hat|sun hat", "wicker hat"),
        "cap": _w("cap|flat cap|baseball cap", "visor cap"),
        "woolly hat": _w("woolly hat|wool hat|knitted hat with a pompom", "beanie|bobble hat"),
        "top hat": _w("top hat|tall hat|tall top hat", "cylinder hat"),
    },
    "top": {
        "shirt": _w("shirt|sweater|top", "jersey|pullover"),
        "coat": _w("coat|long coat|overcoat", "jacket|cloak"),
    },
    "pattern": {
        "plain": _w("plain|solid", "uniform"),
        "striped": _w("striped|stripy", "banded"),
        "dotted": _w("dotted|spotted|polka-dot", "speckled"),
        "checked": _w("checked|chequered|checkered", "plaid|tartan"),
    },
    "bottom": {
        "trousers": _w("trousers|pants|long trousers", "jeans|slacks"),
        "skirt": _w("skirt|wide skirt", "petticoat"),
    },
    "accessory": {
        "scarf": _w("scarf|long scarf|neck scarf", "shawl"),
        "glasses": _w("glasses|round glasses", "spectacles"),
        "beard": _w("beard|full beard|bushy beard", "whiskers"),
        "satchel": _w("satchel|shoulder bag|bag", "pouch|purse"),
    },
    "prop": {
        "lantern": _w("lantern|lamp|little lantern", "lamplight"),
        "umbrella": _w("umbrella|open umbrella", "parasol"),
        "balloon": _w("balloon|round balloon", "air balloon"),
        "book": _w("book|thick book", "novel|notebook"),
        "basket": _w("basket|basket of fruit", "hamper"),
    },
    "kind": {
        "dog": _w("dog|puppy", "hound|doggy"),
        "cat": _w("cat|kitten", "kitty|tomcat"),
        "fox": _w("fox|little fox", "vixen"),
        "rabbit": _w("rabbit|bunny", "hare"),
        "hen": _w("hen|chicken", "rooster|fowl"),
    },
    "coat": {
        "white": _w("white", "snow-white"),
        "black": _w("black", "jet black"),
        "brown": _w("brown", "chocolate"),
        "ginger": _w("ginger|orange|red", "rust-coloured"),
        "grey": _w("grey|gray", "silvery"),
    },
    "action": {
        "stand": _w("stands still|stands there|waits|is standing", "lingers"),
        "walk": _w("walks|walks along|is walking|goes for a walk", "strolls|wanders"),
        "run": _w("runs|runs fast|is running|hurries along", "sprints|dashes"),
        "wave": _w("waves|waves a hand|is waving|waves hello", "greets someone with a hand"),
        "jump": _w("jumps|jumps up and down|is jumping|hops", "leaps|bounces"),
        "dance": _w("dances|is dancing|dances happily", "twirls|sways to music"),
        "sit": _w("sits|sits down|is sitting|sits on the ground", "is seated|rests"),
        "point": _w("points|points ahead|is pointing|points at something", "gestures ahead"),
        "bow": _w("bows|takes a bow|is bowing|bows politely", "curtsies|bends down"),
        "talk": _w("talks|speaks|is talking|is speaking|tells a story",
                   "chats|is saying something"),
        "laugh": _w("laughs|is laughing|laughs out loud", "giggles|chuckles"),
        "nod": _w("nods|is nodding|nods the head", "agrees silently"),
    },
    "size": {
        "wide": _w("wide shot|long shot|full view|wide view|total", "establishing view"),
        "medium": _w("medium shot|mid shot|waist shot|medium view", "midshot"),
        "close-up": _w("close-up|closeup|close shot|close view", "tight shot|CU"),
        "extreme close-up": _w("extreme close-up|extreme closeup|very close shot|detail shot",
                               "macro shot"),
    },
    "angle": {
        "eye-level": _w("eye-level|at eye level|eye level", "straight on"),
        "low": _w("low angle|from below|low camera", "worm's-eye view"),
        "high": _w("high angle|from above|high camera", "bird's-eye view"),
    },
    "movement": {
        "static": _w("static camera|the camera is static|the camera does not move",
                     "locked-off camera"),
        "pan left": _w("the camera pans left|pan left|the camera pans to the left|panning left",
                       "the camera swings left"),
        "pan right": _w("the camera pans right|pan right|the camera pans to the right|"
                        "panning right",
                        "the camera swings right"),
        "tilt up": _w("the camera tilts up|tilt up|tilting up", "the camera looks upward"),
        "tilt down": _w("the camera tilts down|tilt down|tilting down",
                        "the camera looks downward"),
        "push in": _w("the camera pushes in|push in|the camera moves closer|slow push in",
                      "dolly in|zoom in"),
        "pull out": _w("the camera pulls out|pull out|the camera moves back|slow pull out",
                       "dolly out|zoom out"),
        "tracking": _w("tracking shot|the camera tracks along|the camera follows|following shot",
                       "the camera trails behind"),
    },
    "accent": _COLOURS,
    "top_colour": _COLOURS,
    "pattern_colour": _COLOURS,
    "bottom_colour": _COLOURS,
    "headwear_colour": _COLOURS,
    "accessory_colour": _COLOURS,
    "prop_colour": _COLOURS,
}  # fmt: skip

LANDMARKS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "harbour": (("lighthouse", "tall lighthouse"), ("sailing boat", "moored boat", "sailboat")),
    "forest": (("hollow tree house", "tree with a door"), ("tent", "camping tent")),
    "mountains": (("log cabin", "wooden hut"), ("stone tower", "old tower")),
    "street": (("clock tower", "tower with a clock"), ("corner shop", "shop")),
    "desert": (("nomads' tent", "big tent"), ("stone gate", "ruined gate")),
    "meadow": (("windmill", "old windmill"), ("barn", "farm barn")),
    "market": (("fruit stall", "stall of fruit"), ("carousel", "merry-go-round")),
    "station": (("steam train", "train"), ("station house", "station building")),
    "kitchen": (("stove", "old stove"), ("dresser with plates", "cupboard with plates")),
    "library": (("globe", "big globe"), ("grandfather clock", "tall clock")),
    "bedroom": (("four-poster bed", "canopy bed"), ("wardrobe", "big wardrobe")),
    "workshop": (("machine with a big wheel", "wheel machine"), ("rocket", "tall rocket")),
}
"""What a set's landmark 0 and 1 are called."""
ACCENTS: Mapping[str, tuple[str, str]] = {
    "harbour": ("with {c} bands on the lighthouse", "with a {c} sail"),
    "forest": ("with a {c} door in the tree", "with a {c} tent"),
    "mountains": ("with a {c} roof", "with a {c} flag on the tower"),
    "street": ("with a {c} tower roof", "with a {c} awning"),
    "desert": ("with a {c} tent", "with a {c} banner"),
    "meadow": ("with {c} windmill sails", "with {c} barn walls"),
    "market": ("with a {c} awning", "with a {c} canopy"),
    "station": ("with a {c} train", "with a {c} roof"),
    "kitchen": ("with {c} curtains", "with {c} curtains"),
    "library": ("with a {c} armchair", "with a {c} armchair"),
    "bedroom": ("with a {c} bed", "with {c} wardrobe doors"),
    "workshop": ("with a {c} wheel", "with a {c} rocket"),
}
"""How a set's accent is told beside landmark 0 and 1."""
NAMES = (
    "ada", "alma", "amos", "anton", "bela", "bruno", "carl", "cleo", "dora", "edgar", "ella",
    "emil", "enid", "ezra", "fay", "felix", "finn", "flora", "frida", "gus", "greta", "hanna",
    "hugo", "ida", "igor", "ines", "iris", "ivo", "jonas", "juno", "kaya", "kurt", "lars", "lena",
    "leo", "lotte", "luca", "mara", "mila", "milo", "nadia", "nils", "noor", "oda", "olaf", "otto",
    "pia", "rafa", "rosa", "ruben", "sami", "selma", "sven", "tilda", "tom", "ulla", "vera",
    "viktor", "yara", "zoe",
)  # fmt: skip
STYLES = (
    "Paper theatre.", "Cut-out animation, soft light.", "Paper cut-outs with soft shadows.",
    "A paper puppet film.", "Layered paper, warm colours.", "Stop-motion paper puppets.",
)  # fmt: skip
TITLES = ("Paper Days", "The Visit", "A Small Story", "Morning Post", "Two Friends", "The Walk")


def say(field: str, value: str, held_out: bool = False) -> tuple[str, ...]:
    """The ways to say a value: those of training, or the held-out ones where there are any."""
    words = WORDS[field][value]
    return words.held_out if held_out and words.held_out else words.train


def words_in(text: str) -> Iterator[str]:
    """Lower-case words of a text."""
    return (found.lower() for found in re.findall(r"[A-Za-z][A-Za-z'-]*", text))
