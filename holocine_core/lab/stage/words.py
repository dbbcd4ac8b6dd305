"""The words for everything the stage can show, some of them kept out of training. No torch here.

Held-out words are everyday synonyms that training captions never use: an evaluation asks whether
the model understands them from their likeness to words it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holocine_core.lab.stage.grammar import gerund, third
from holocine_core.lab.stage.sentences import PRONOUNS, SENTENCES, STYLES, TITLES, WHERE
from holocine_core.lab.stage.world import ANGLES, EVERYTHING, MOVEMENTS, SIZES, Repertoire
from holocine_core.script.prompt import ANGLE_WORDS, MOVEMENT_WORDS, SIZE_WORDS


@dataclass(frozen=True, slots=True)
class Words:
    """The ways to say one value: those of training, and others."""

    train: tuple[str, ...]
    held_out: tuple[str, ...] = ()


Values = Mapping[str, Words]


def _w(train: str, held_out: str = "") -> Words:
    return Words(*(tuple(text.split("|")) if text else () for text in (train, held_out)))


_COLOURS: Values = {
    "red": _w("red|scarlet|bright red", "crimson|ruby"),
    "orange": _w("orange|bright orange", "tangerine|apricot"),
    "yellow": _w("yellow|lemon yellow|golden yellow", "mustard|canary"),
    "green": _w("green|leaf green|grass green", "emerald|jade"),
    "blue": _w("blue|bright blue|royal blue", "azure|cobalt"),
    "purple": _w("purple|violet", "lavender|plum"),
    "white": _w("white|cream white|off-white", "ivory|chalky"),
    "black": _w("black|coal black", "ebony|inky"),
}

_PLACE: Mapping[str, Values] = {
    "set": {
        "harbour": _w("harbour|harbor|waterfront|port|quay", "dock|pier|marina"),
        "forest": _w("forest|woods|deep forest|forest clearing", "woodland|grove"),
        "mountains": _w("mountains|mountain pass|high mountains", "alps|highlands"),
        "street": _w("street|city street|town street|street in the old town", "avenue|lane"),
        "desert": _w("desert|sandy desert|sand dunes", "wasteland|badlands"),
        "meadow": _w("meadow|green meadow|field|country field", "pasture|grassland"),
        "market": _w("market|market square|street market|marketplace", "bazaar|fairground"),
        "station": _w("station|railway station|train station|station platform", "railroad depot"),
        "kitchen": _w("kitchen|cosy kitchen|cozy kitchen|farm kitchen", "scullery|cookhouse"),
        "library": _w("library|room full of books|reading room|old library", "athenaeum|archive"),
        "bedroom": _w("bedroom|attic bedroom|small bedroom", "bedchamber|dormitory"),
        "workshop": _w("workshop|tool workshop|inventor's workshop", "garage|studio|toolshed"),
    },
    "time": {
        "dawn": _w("at dawn|at sunrise|in the early morning|at first light",
                   "at daybreak|at sunup"),
        "day": _w("by day|at noon|at midday|in the daytime|in daylight", "in the afternoon"),
        "dusk": _w("at dusk|at sunset|in the evening|in evening light", "at twilight|at sundown"),
        "night": _w("at night|late at night|by night|in the middle of the night",
                    "at midnight|at nighttime"),
    },
    "time noun": {
        "dawn": _w("dawn|sunrise|early morning", "daybreak|sunup"),
        "day": _w("day|noon|midday", "afternoon"),
        "dusk": _w("dusk|sunset|evening", "twilight|sundown"),
        "night": _w("night|dark night", "midnight|nighttime"),
    },
    "time spell": {
        "dawn": _w("morning|early morning|dawn", "daybreak"),
        "day": _w("day", "afternoon"),
        "dusk": _w("evening", "twilight"),
        "night": _w("night|dark night", "midnight"),
    },
    "weather": {
        "clear": _w("clear weather|fine weather|a clear sky", "a cloudless sky"),
        "rain": _w("rain|heavy rain|rainy weather", "a downpour|a drizzle"),
        "snow": _w("snow|falling snow|snowy weather", "a snowfall|a blizzard"),
        "fog": _w("fog|thick fog|mist", "haze"),
    },
    "weather clause": {
        "clear": _w("the sky is clear|the weather is fine|there are no clouds",
                    "the sky is cloudless"),
        "rain": _w("it is raining|it rains|rain is falling", "it is drizzling|it is pouring"),
        "snow": _w("it is snowing|it snows|snow is falling", "snowflakes are falling"),
        "fog": _w("it is foggy|there is fog everywhere|mist lies over everything", "it is hazy"),
    },
    "weather adjective": {
        "clear": _w("clear", "cloudless"),
        "rain": _w("rainy|wet", "drizzly"),
        "snow": _w("snowy", "wintry"),
        "fog": _w("foggy|misty", "hazy|murky"),
    },
    "landmark": {
        "lighthouse": _w("lighthouse|tall lighthouse", "beacon"),
        "boat": _w("sailing boat|sailboat|moored boat|boat", "yacht"),
        "tree house": _w("hollow tree|tree house|big hollow tree", "hollow oak|treehouse"),
        "tent": _w("tent|camping tent", "canvas shelter"),
        "cabin": _w("log cabin|cabin|wooden hut|hut", "chalet|lodge"),
        "tower": _w("stone tower|old tower|castle tower", "turret|citadel"),
        "clock tower": _w("clock tower|tall clock tower|town clock tower", "belfry|steeple"),
        "shop": _w("corner shop|shop|little shop", "store|boutique"),
        "nomads' tent": _w("nomads' tent|desert tent", "marquee|pavilion"),
        "gate": _w("stone gate|ruined gate|old stone gate|stone arch", "archway|gateway"),
        "windmill": _w("windmill|old windmill|mill"),
        "barn": _w("barn|farm barn", "farmhouse|stable"),
        "fruit stall": _w("fruit stall|big fruit stall|stall full of fruit", "fruit booth|kiosk"),
        "carousel": _w("carousel|merry-go-round", "roundabout"),
        "train": _w("steam train|train|railway train", "locomotive|steam engine"),
        "station house": _w("station house|station building", "ticket office"),
        "stove": _w("stove|iron stove|cooker|cooking stove", "oven"),
        "dresser": _w("dresser|kitchen dresser|dresser full of plates|cupboard full of plates",
                      "sideboard|cabinet"),
        "globe": _w("globe|big globe|world globe", "earth model"),
        "tall clock": _w("grandfather clock|tall clock|pendulum clock", "timepiece"),
        "four-poster": _w("four-poster bed|canopy bed|four-poster", "draped bed"),
        "wardrobe": _w("wardrobe|big wardrobe|clothes cupboard", "closet|armoire"),
        "machine": _w("strange machine|big machine|wheel machine", "contraption|device"),
        "rocket": _w("rocket|space rocket", "spaceship|spacecraft"),
    },
    "accent": _COLOURS,
}  # fmt: skip

_CAST: Mapping[str, Values] = {
    "noun": {
        "man": _w("man|fellow|guy", "gentleman|bloke"),
        "woman": _w("woman|lady", "madam|gal"),
        "person": _w("person|figure", "individual"),
        "girl": _w("girl|little girl", "schoolgirl|lass"),
        "boy": _w("boy|little boy", "schoolboy|lad"),
    },
    "age": {"old": _w("old|elderly", "aged")},
    "build": {
        "small": _w("child|kid|small child|little one", "youngster|toddler"),
        "slim": _w("slim|thin|slender|tall thin", "skinny|lanky"),
        "broad": _w("broad|stout|big|broad-shouldered", "burly|hefty"),
    },
    "skin": {
        "pale": _w("pale|fair|light", "porcelain|milky"),
        "tan": _w("tanned|tan|olive", "bronzed|sunburnt"),
        "brown": _w("brown|light brown", "caramel"),
        "dark": _w("dark|black|dark brown", "dusky"),
    },
    "hair_colour": {
        "black": _w("black|jet black", "raven"),
        "brown": _w("brown|chestnut|dark brown", "brunette|hazel"),
        "ginger": _w("ginger|red|orange", "auburn|copper"),
        "blond": _w("blond|blonde|fair|yellow", "flaxen|sandy coloured"),
        "grey": _w("grey|gray|silver", "silvery|ashen"),
    },
    "hair_style": {
        "short": _w("short|cropped", "trimmed"),
        "long": _w("long|long loose", "flowing"),
        "curly": _w("curly|big curly|curled", "frizzy|wavy"),
        "braids": _w("braids|two braids", "plaits|pigtails"),
        "bun": _w("bun|hair bun", "topknot|chignon"),
        "bald": _w("bald", "hairless|shaven"),
    },
    "headwear": {
        "straw hat": _w("straw hat|wide straw hat|sun hat", "boater|wicker hat"),
        "cap": _w("cap|flat cap|baseball cap|peaked cap", "visor"),
        "woolly hat": _w("woolly hat|wool hat|knitted hat|bobble hat", "beanie"),
        "top hat": _w("top hat|tall hat|tall top hat", "stovepipe hat"),
    },
    "headwear_colour": _COLOURS,
    "top": {
        "shirt": _w("shirt|sweater|top", "jersey|pullover|blouse"),
        "coat": _w("coat|long coat|overcoat", "jacket|cloak"),
    },
    "top_colour": _COLOURS,
    "pattern": {
        "plain": _w("plain|solid", "unpatterned|simple"),
        "striped": _w("striped|stripy", "pinstriped"),
        "dotted": _w("dotted|spotted", "polka-dot|speckled"),
        "checked": _w("checked|chequered|checkered", "plaid|tartan"),
    },
    "pattern noun": {
        "striped": _w("stripes|wide stripes", "pinstripes"),
        "dotted": _w("dots|spots", "polka dots|speckles"),
        "checked": _w("checks|squares", "gingham squares"),
    },
    "pattern_colour": _COLOURS,
    "bottom": {
        "trousers": _w("trousers|pants|long trousers", "jeans|slacks"),
        "skirt": _w("skirt|wide skirt", "petticoat|kilt"),
    },
    "bottom_colour": _COLOURS,
    "accessory": {
        "scarf": _w("scarf|long scarf|neck scarf", "shawl|muffler"),
        "glasses": _w("glasses|round glasses|eyeglasses", "spectacles"),
        "beard": _w("beard|full beard|bushy beard", "whiskers"),
        "satchel": _w("satchel|shoulder bag|bag", "pouch|purse"),
    },
    "accessory_colour": _COLOURS,
    "prop": {
        "lantern": _w("lantern|lamp|little lantern", "torch"),
        "umbrella": _w("umbrella|open umbrella", "parasol|brolly"),
        "balloon": _w("balloon|round balloon|balloon on a string", "inflatable balloon"),
        "book": _w("book|thick book", "novel|notebook"),
        "basket": _w("basket|fruit basket|woven basket", "hamper|pannier"),
    },
    "prop_colour": _COLOURS,
    "kind": {
        "dog": _w("dog|puppy", "hound|doggy"),
        "cat": _w("cat|kitten", "kitty|tomcat"),
        "fox": _w("fox|little fox", "vixen"),
        "rabbit": _w("rabbit|bunny", "hare"),
        "hen": _w("hen|chicken", "rooster|fowl"),
    },
    "coat": {
        "white": _w("white|cream white", "ivory"),
        "black": _w("black|coal black", "inky"),
        "brown": _w("brown|chestnut", "chocolate"),
        "ginger": _w("ginger|orange|red", "rusty|copper"),
        "grey": _w("grey|gray|silver", "silvery|ashen"),
    },
}  # fmt: skip

_SHOT: Mapping[str, Values] = {
    "action": {
        "stand": _w("stand|stand still|wait|stand there|stand quietly", "linger|remain"),
        "walk": _w("walk|walk along|walk slowly|step along", "stroll|wander"),
        "run": _w("run|run fast|race|hurry", "sprint|dash|jog"),
        "wave": _w("wave|wave a hand|wave hello", "greet everyone"),
        "jump": _w("jump|jump up and down|hop|jump for joy", "leap|bounce"),
        "dance": _w("dance|dance happily|do a dance|dance about", "twirl|prance"),
        "sit": _w("sit|sit down|sit there|sit quietly", "squat|crouch"),
        "point": _w("point|point ahead|point at something", "gesture|indicate something"),
        "bow": _w("bow|bow down|take a bow|bow politely", "curtsy|stoop"),
        "talk": _w("talk|speak|say something|tell a story", "chat|chatter"),
        "laugh": _w("laugh|laugh out loud|laugh happily", "giggle|chuckle"),
        "nod": _w("nod|nod slowly|nod again and again", "agree"),
    },
    "size": {
        "wide": _w("wide shot|long shot|full shot|wide view|full view|WS",
                   "distant shot|panoramic shot"),
        "medium": _w("medium shot|mid shot|waist shot|medium view|MS", "half-length shot"),
        "close-up": _w("close-up|closeup|close shot|close view|CU", "tight shot|headshot"),
        "extreme close-up": _w("extreme close-up|extreme closeup|very close shot|ECU",
                               "macro shot|choker shot"),
    },
    "angle": {
        "eye-level": _w("eye level|at eye level|eye-level view", "straight on|frontal view"),
        "low": _w("low angle|from below|low camera angle|from a low angle",
                  "from underneath|worm's-eye view"),
        "high": _w("high angle|from above|high camera angle|from a high angle",
                   "from overhead|bird's-eye view"),
    },
    "movement": {
        "static": _w("static|still|fixed", "stationary|motionless"),
        "pan left": _w("pan left|pan to the left|turn left", "swing left|swivel left"),
        "pan right": _w("pan right|pan to the right|turn right", "swing right|swivel right"),
        "tilt up": _w("tilt up|tilt upwards|tilt upward", "swing skyward|rotate up"),
        "tilt down": _w("tilt down|tilt downwards|tilt downward", "swing groundward|rotate down"),
        "push in": _w("push in|slowly push in|move closer|move in|zoom in|dolly in",
                      "approach|creep nearer"),
        "pull out": _w("pull out|slowly pull out|move back|move away|zoom out|dolly out",
                       "retreat|withdraw"),
        "tracking": _w("track along|follow|follow along|move along", "trail behind|accompany"),
    },
}  # fmt: skip

WORDS: Mapping[str, Values] = {**_PLACE, **_CAST, **_SHOT}
"""Field -> value -> words. Times are adverbs, actions and moving cameras plain verbs; a field of
two words ("weather clause") says the first one's values in another form."""

LANDMARKS: Mapping[str, tuple[str, str]] = {
    "harbour": ("lighthouse", "boat"),
    "forest": ("tree house", "tent"),
    "mountains": ("cabin", "tower"),
    "street": ("clock tower", "shop"),
    "desert": ("nomads' tent", "gate"),
    "meadow": ("windmill", "barn"),
    "market": ("fruit stall", "carousel"),
    "station": ("train", "station house"),
    "kitchen": ("stove", "dresser"),
    "library": ("globe", "tall clock"),
    "bedroom": ("four-poster", "wardrobe"),
    "workshop": ("machine", "rocket"),
}
"""What a set's landmark 0 and 1 are, as values of ``WORDS["landmark"]``."""

KEYS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "size": {
        "wide": ("wide", "full"),
        "medium": ("medium",),
        "close-up": ("close-up",),
        "extreme close-up": ("extreme close-up",),
        "two-shot": ("two-shot",),
        "over-the-shoulder": ("over-the-shoulder",),
    },
    "angle": {angle: (angle,) for angle in ANGLES},
    "movement": {
        **{movement: (movement,) for movement in MOVEMENTS},
        "push in": ("push in", "dolly in", "zoom in"),
        "pull out": ("pull out", "dolly out", "zoom out"),
    },
}
"""Field -> value -> what a shot's own key of that name can hold for it."""

NAMES = (
    "Ada", "Alma", "Amos", "Anton", "Bela", "Bruno", "Carl", "Cleo", "Dora", "Edgar", "Ella",
    "Emil", "Enid", "Ezra", "Fay", "Felix", "Finn", "Flora", "Frida", "Gus", "Greta", "Hanna",
    "Hugo", "Ida", "Igor", "Ines", "Iris", "Ivo", "Jonas", "Juno", "Kaya", "Kurt", "Lars", "Lena",
    "Leo", "Lotte", "Luca", "Mara", "Mila", "Milo", "Nadia", "Nils", "Noor", "Oda", "Olaf", "Otto",
    "Pia", "Rafa", "Rosa", "Ruben", "Sami", "Selma", "Sven", "Tilda", "Tom", "Ulla", "Vera",
    "Viktor", "Yara", "Zoe",
)  # fmt: skip
"""First names; they mean nothing."""


def say(field: str, value: str, held_out: bool = False) -> tuple[str, ...]:
    """The ways to say a value: those of training, or the held-out ones where there are any."""
    words = WORDS[field][value]
    return words.held_out if held_out and words.held_out else words.train


def words_in(text: str) -> Iterator[str]:
    """Lower-case words of a text; hyphens and apostrophes part them, a genitive's s is none."""
    plain = re.sub(r"\{[^}]*\}", " ", text.lower().replace("'s", ""))
    return (found[0] for found in re.finditer(r"[a-z]+", plain))


def is_shown(field: str, value: str, within: Repertoire) -> bool:
    """Whether a world has a value of ``WORDS`` or ``KEYS``."""
    animals = any(cast in within.casts for cast in ("pet", "three", "animal"))
    match field:
        case "set":
            return value in within.sets
        case "landmark":
            return any(value in LANDMARKS[name] for name in within.sets)
        case "time" | "time noun" | "time spell":
            return value in within.times
        case "weather" | "weather clause" | "weather adjective":
            return value in within.weathers
        case "kind" | "coat":
            return animals
        case "action":
            return value in within.actions
        case "size":
            return value not in SIZES or value in within.sizes
        case "angle":
            return value in within.angles
        case "movement":
            return value in within.movements
    return True


def phrases(*, held_out: bool, within: Repertoire = EVERYTHING) -> Iterator[str]:
    """Every phrase of training, or every held-out one, as it can stand in a text."""
    for field, values in WORDS.items():
        for value, words in values.items():
            if not is_shown(field, value, within):
                continue
            for phrase in words.held_out if held_out else words.train:
                yield phrase
                if field == "action" or (field == "movement" and value != "static"):
                    yield third(phrase)
                    yield gerund(phrase)


def training_texts(within: Repertoire = EVERYTHING) -> Iterator[str]:
    """All pieces that training captions of a world are made of, names apart; slots are left out."""
    yield from phrases(held_out=False, within=within)
    for templates in SENTENCES.values():
        yield from (re.sub(r"\{[^}]*\}", " ", template) for template in templates)
    yield from (*STYLES, *TITLES, *WHERE.values())
    for pronouns in PRONOUNS.values():
        yield from pronouns
    shown = {"size": SIZE_WORDS, "angle": ANGLE_WORDS, "movement": MOVEMENT_WORDS}
    for field, values in KEYS.items():
        known = (keys for value, keys in values.items() if is_shown(field, value, within))
        yield from (shown[field][key] for keys in known for key in keys)
    yield "an [character] is. This scene contains shots."


TRAINED_WORDS = frozenset(word for text in training_texts() for word in words_in(text))
"""Every word, names apart, that a training caption can hold."""
HELD_OUT_WORDS = (
    frozenset(word for text in phrases(held_out=True) for word in words_in(text)) - TRAINED_WORDS
)
"""Every word that only captions with held-out words hold."""
