"""The sentences in which things are told: templates whose slots are filled with words.

Slots of people's names and of looks come ready with their articles. Slots of places:

- ``a_set``, ``the_set``, ``at_set``, ``SET``: a harbour, the harbour, at the harbour, HARBOUR;
- ``time``, ``noun``, ``NOUN``, ``spell``: at sunset, sunset, SUNSET, evening;
- ``weather``, ``amid``, ``clause``, ``wet``: rain, in the rain, it is raining, rainy;
- ``cast``, ``are``: a child and a dog, are; ``IO``: INT or EXT.
"""

from __future__ import annotations

from collections.abc import Mapping

_PLACE: Mapping[str, tuple[str, ...]] = {
    "place": (
        "{a_set}.", "{at_set}.", "{the_set}.", "the scene is {at_set}.", "we are {at_set}.",
        "set {at_set}.", "{IO}. {SET}.", "the place: {a_set}.", "setting: {a_set}.",
        "the scene takes place {at_set}.", "it all happens {at_set}.",
        "{time}.", "{noun}.", "it is {noun}.", "the scene takes place {time}.",
        "{clause}.", "{weather}.", "{wet} weather.",
        "{a_set} {time}.", "{at_set}, {time}.", "{IO}. {SET} - {NOUN}", "{noun}. {a_set}.",
        "it is {noun} {at_set}.", "{noun} {at_set}.", "{time}, {at_set}.", "a {spell} {at_set}.",
        "the scene takes place {at_set} {time}.", "{a_set}, {time}.", "{the_set}, {noun}.",
        "{a_set} {amid}.", "{at_set}, {amid}.", "{a_set}, {weather}.", "{at_set}. {clause}.",
        "{wet} weather {at_set}.", "{a_set} in {wet} weather.", "{clause}. we are {at_set}.",
        "{noun}, {weather}.", "a {wet} {spell}.", "it is {noun} and {clause}.", "{time}, {amid}.",
        "{clause}. it is {noun}.",
        "a {wet} {spell} {at_set}.", "{at_set}, {time}, {amid}.", "{a_set} {time}. {clause}.",
        "{IO}. {SET} - {NOUN}. {clause}.", "it is {noun} {at_set} and {clause}.",
        "{the_set}, {noun}, {weather}.", "{a_set} on a {wet} {spell}.", "{a_set} {time}, {amid}.",
        "the scene takes place {at_set} on a {wet} {spell}.", "{clause}. it is {noun} {at_set}.",
        "{noun}, {weather}. {a_set}.", "we are {at_set} {time}. {clause}.",
        "{cast} {are} there.", "we see {cast}.", "{cast}.", "there {are} {cast}.", "with {cast}.",
        "{cast} {are} in the scene.", "in the scene: {cast}.",
        "{cast} {are} {at_set}.", "{cast} {at_set}.", "{at_set} there {are} {cast}.",
        "{at_set} we see {cast}.", "{a_set} with {cast}.", "{at_set}: {cast}.",
        "{time}, {cast} {are} {at_set}.", "{cast} {are} {at_set} {time}.",
        "{cast} {at_set}, {time}.", "it is {noun}. {cast} {are} {at_set}.",
        "{noun} {at_set}: {cast}.",
        "{cast} {are} {at_set} {amid}.", "{at_set}, {amid}: {cast}.", "{clause}. {cast} {at_set}.",
        "{cast} {are} there {time}.", "it is {noun}. we see {cast}.",
        "{cast} {amid}.", "{clause}. we see {cast}.",
        "{time}, {amid}: {cast}.", "a {wet} {spell}. {cast} {are} there.",
        "{cast} {are} {at_set} on a {wet} {spell}.", "{cast} {at_set}, {time}, {amid}.",
        "a {wet} {spell}. {cast} {are} {at_set}.", "{noun}, {weather}. {cast} {at_set}.",
        "on a {wet} {spell}, {cast} {are} {at_set}.",
    ),
    "slug": ("ext", "int"),
    "outside": ("{weather} outside", "{weather} outside the window", "{weather} at the window"),
    "amid outside": ("with {weather} outside", "with {weather} behind the window"),
    "clause outside": ("{clause} outside", "{clause} outside the window"),
    "amid": ("in the {weather}", "in the {weather}", "in {weather}"),
    "amid weather": ("in {weather}",),
    "amid sky": ("under {weather}",),
    "landmark": (
        "there is {mark}.", "{mark} stands in the background.", "behind, {mark}.", "{mark}.",
        "in the back there is {mark}.", "in the background, {mark}.", "we see {mark}.",
        "at the back stands {mark}.",
    ),
    "landmark aside": (
        "{mark} stands {side}.", "{side} stands {mark}.", "there is {mark} {side}.",
        "{mark} {side}.", "{side}, {mark}.", "{side} there is {mark}.", "{side} we see {mark}.",
    ),
    "side -1": ("on the left", "to the left", "on the left side", "at the left"),
    "side 1": ("on the right", "to the right", "on the right side", "at the right"),
    "accent": ("there {are} {mark}.", "{mark}.", "with {mark}.", "we see {mark}."),
    "details": ("{details} in the background.", "behind, {details}.", "{details} behind."),
}  # fmt: skip

ACCENTS: Mapping[str, tuple[str, ...]] = {
    "lighthouse": ("{l} with {c} bands", "{l} with {c} rings", "{l} banded in {c}"),
    "boat": ("{l} with a {c} sail", "{l} under a {c} sail"),
    "tree house": ("{l} with a {c} door", "{l} with a little {c} door"),
    "tent": ("{c} {l}", "{l} of {c} cloth"),
    "cabin": ("{l} with a {c} roof", "{l} under a {c} roof"),
    "tower": ("{l} with a {c} banner", "{l} with a {c} flag"),
    "clock tower": ("{l} with a {c} roof", "{l} with a {c} roof and door"),
    "shop": ("{l} with a {c} awning", "{l} under a {c} awning"),
    "nomads' tent": ("{c} {l}", "{l} of {c} cloth"),
    "gate": ("{l} with a {c} banner", "{l} with a {c} flag"),
    "windmill": ("{l} with {c} sails", "{l} with {c} blades"),
    "barn": ("{c} {l}", "{l} with {c} walls"),
    "fruit stall": ("{l} with a {c} awning", "{l} under a {c} awning"),
    "carousel": ("{l} with a {c} canopy", "{c} {l}", "{l} with a {c} roof"),
    "train": ("{c} {l}", "{l} in {c}"),
    "station house": ("{l} with a {c} roof", "{l} under a {c} roof"),
    "four-poster": ("{l} with a {c} canopy", "{l} with a {c} blanket", "{c} {l}"),
    "wardrobe": ("{l} with {c} doors",),
    "machine": ("{l} with a {c} wheel", "{l} with a big {c} wheel"),
    "rocket": ("{c} {l}",),
}
"""Landmark -> the landmark and the accent it carries."""
APART: Mapping[str, tuple[str, ...]] = {
    "kitchen": ("{c} curtains", "{c} curtains at the window"),
    "library": ("a {c} armchair", "a {c} chair"),
}
"""Set -> its accent where the landmark does not carry it."""
DETAILS: Mapping[str, tuple[str, ...]] = {
    "harbour": ("the sea", "the water", "a wooden quay", "barrels", "a street lamp"),
    "forest": ("tall trees", "bushes and ferns", "mossy ground", "many trees"),
    "mountains": ("snowy peaks", "rocks", "fir trees"),
    "street": ("a row of houses", "old houses", "house fronts and windows"),
    "desert": ("sand", "a cactus", "rocks far away"),
    "meadow": ("hills", "flowers", "a fence", "grass"),
    "market": ("stalls", "bunting", "baskets"),
    "station": ("the platform", "rails", "a bench"),
    "kitchen": ("a tiled wall", "pots and pans", "a counter", "a window"),
    "library": ("bookcases", "shelves full of books", "a lamp", "a window"),
    "bedroom": ("a picture on the wall", "wallpaper", "a window"),
    "workshop": ("a workbench", "tools on the wall", "a hammer and a saw"),
}
"""What every scene of a set shows; it means no more than the set's name."""
WHERE: Mapping[str, str] = {
    "harbour": "at", "harbor": "at", "waterfront": "on", "port": "in", "quay": "on", "dock": "on",
    "pier": "on", "marina": "in", "pass": "on", "street": "on", "avenue": "on", "meadow": "on",
    "market": "at", "square": "on", "marketplace": "on", "fairground": "on", "bazaar": "at",
    "station": "at", "platform": "on", "depot": "at", "pasture": "on", "dunes": "in",
}  # fmt: skip
"""Preposition by the noun's head; "in" for all others."""

_CAST: Mapping[str, tuple[str, ...]] = {
    "top": ("a {top}",),
    "coloured top": ("a {c} {top}", "a {c} {top}", "a {top} in {c}"),
    "patterned top": ("a {c} {p} {top}", "a {p} {c} {top}"),
    "plain top": ("a {p} {c} {top}",),
    "two-coloured top": ("a {c} {top} with {pc} {marks}", "a {c} and {pc} {p} {top}"),
    "marked top": ("a {top} with {pc} {marks}",),
    "straw hat": ("a {hat} with a {c} band", "a {hat} with a {c} ribbon"),
    "lantern": ("a {prop} with a {c} light", "a {c} {prop}", "a {prop} with a {c} glow"),
    "basket": ("a {prop} of {c} fruit", "a {prop} with {c} apples", "a {prop} full of {c} fruit"),
    "balloon": ("a {c} {prop}",),
    "braids": ("{c} {x}", "{c} hair in {x}"),
    "counted braids": ("{c} hair in {x}",),
    "bun": ("a {c} {x}", "{c} hair in a {x}", "{c} hair tied in a {x}"),
    "haired": ("{x}-haired", "{x}-haired"),
    "skinned": ("{x}-skinned",),
    "bearded": ("bearded",),
    "skin": ("{x} skin",),
    "hair": ("{x} hair",),
    "bald": ("a {x} head",),
    "build": ("a {x} build", "a {x} figure"),
    "in": ("in", "wearing", "dressed in"),
    "worn": ("wearing", "in"),
    "wearing": ("wearing", "with"),
    "hold": ("holding", "carrying", "with"),
    "carry": ("carrying", "with"),
    "in sentence": ("wears", "is dressed in", "has on"),
    "worn sentence": ("wears", "has on"),
    "wearing sentence": ("wears", "has"),
    "with sentence": ("has",),
    "hold sentence": ("holds", "carries"),
    "carry sentence": ("carries", "has"),
    "with": ("with",),
    "each there": ("there is {look}.", "{look}.", "we see {look}.", "there is {look}."),
    "introduction": ("{name} is {look}.", "{name}: {look}.", "{name}, {look}."),
    "again": ("{who} in the {x}", "{who} in the {x}", "{who}, in the {x},"),
    "again so": ("{who} with {x}", "{who}, with {x},"),
    "again with": ("{who} with the {x}", "{who} with the {x}", "{who}, with the {x},"),
}  # fmt: skip

_SHOT: Mapping[str, tuple[str, ...]] = {
    "head joint": (". ", ": ", ", ", " - "),
    "terse head joint": (". ", ": ", ", ", " - ", "; "),
    "two-shot": ("two-shot", "two shot", "shot of both", "two-shot"),
    "sized two-shot": ("{size}, two-shot", "two-shot, {size}", "{size} of both"),
    "empty": ("establishing shot", "establishing shot", "empty shot", "scenery shot"),
    "sized empty": ("{size}, establishing shot", "empty {size}", "{size}"),
    "over": ("over-the-shoulder shot", "over the shoulder", "over-the-shoulder", "OTS"),
    "sized over": ("over-the-shoulder, {size}", "{size}, over the shoulder", "OTS {size}"),
    "of": ("{size} of {thing}", "{size} on {thing}", "{size}, {thing}"),
    "shows": ("a {size} shows {thing}", "in this {size} we see {thing}", "a {size} of {thing}"),
    "within": ("in a {size}, {clause}", "{clause}, in a {size}", "{clause}, seen in a {size}"),
    "short size": ("{size}: {clause}", "{clause}. {size}", "{size}, {clause}"),
    "nobody": (
        "nobody is there", "no one in sight", "there is nobody here", "no people, only {place}",
        "{place}, empty", "{place} lies empty", "we see {place}, nobody is there", "just {place}",
    ),
    "alone": ("{a}", "we see {a}", "{a} is there", "here is {a}", "{a} in the picture"),
    "pair": ("{a} and {b}", "{a} beside {b}", "we see {a} and {b}", "{a} and {b} together"),
    "same": ("{a} and {b} both {base}", "{a} and {b} {base}", "{a} and {b} are {ing}",
             "{a} and {b} {base} together"),
    "each": ("{a_does} and {b_does}", "{a_does} while {b_does}", "{a_does}, {b_does}",
             "{a_does}. {b_does}", "{a_does} as {b_does}"),
    "beside": ("{a_does} beside {b}", "{a_does} next to {b}", "{a_does}, {b} is there too",
               "{a_does}, beside {b}"),
    "beside first": ("beside {a}, {b_does}", "next to {a}, {b_does}", "{a} is there, {b_does}",
                     "{a} is there and {b_does}"),
    "on left": ("on the left", "on the left", "at the left", "on the left side"),
    "on right": ("on the right", "on the right", "at the right", "on the right side"),
    "over on right": (
        "{a_does}, seen over {b}'s shoulder", "{a_does}, {b} from behind in front",
        "{a_does}, seen over the shoulder of {b}",
        "{a_does}, with {b} in the foreground from behind",
    ),
    "over on left": (
        "over {b}'s shoulder, {a_does}", "over the shoulder of {b} we see {a_thing}",
        "over the shoulder of {b}: {a_does}", "from behind {b}, {a_does}",
        "{b}, back to us; {a_does}", "past the shoulder of {b}, {a_does}",
    ),
    "over on right long": (
        "{a_does}, {b} from behind in front", "{a_does}, with {b} in the foreground from behind",
    ),
    "over on left long": ("{b}, back to us; {a_does}", "past {b}, {a_does}"),
    "facing": ("they face each other", "they look at each other", "face to face"),
    "does": ("{who} {third}", "{who} {third}", "{who} is {ing}"),
    "doing": ("{who} {ing}", "{who}, {ing}"),
    "as": ("{who} as {they} {third}", "{who} while {they} {third}"),
    "camera": ("the camera {does}", "the camera {does}", "the camera slowly {does}",
               "camera {does}"),
    "static camera": ("the camera is {x}", "the camera stays {x}", "{x} camera", "{x} shot"),
    "static note": ("{x} camera", "{x} shot", "camera {x}"),
    "note": ("{move}", "{moving}", "slow {move}"),
    "tracking note": ("{moving} shot", "{moving} camera"),
    "while": ("{clause} while {camera}", "{clause} as {camera}", "{clause}, {camera}"),
    "then": ("{clause}. {camera}", "{camera}. {clause}", "{camera}: {clause}"),
    "then first": ("{camera}. {clause}",),
    "seen": ("{clause}, seen {angle}", "{angle}, {clause}", "{clause}, shot {angle}",
             "{clause} {angle}"),
    "seen first": ("{angle}, {clause}", "{angle}: {clause}", "seen {angle}, {clause}"),
    "angle": ("from a", "at"),
    "go left": ("to the left", "to the left", "from right to left", "towards the left"),
    "go right": ("to the right", "to the right", "from left to right", "towards the right"),
    "point left": ("to the left", "towards the left"),
    "point right": ("to the right", "towards the right"),
    "they": ("they both {base}", "both {base}", "they {base} together"),
}  # fmt: skip

SENTENCES: Mapping[str, tuple[str, ...]] = {
    **_PLACE,
    **{f"accent of {mark}": told for mark, told in ACCENTS.items()},
    **{f"accent in {place}": told for place, told in APART.items()},
    **{f"details of {place}": told for place, told in DETAILS.items()},
    **_CAST,
    **_SHOT,
}
"""Use -> templates."""
PRONOUNS: Mapping[str, tuple[str, str]] = {"f": ("she", "her"), "m": ("he", "his")}
STYLES = (
    "Paper theatre", "Cut-out animation, soft light", "Paper cut-outs with soft shadows",
    "A paper puppet film", "Layered paper, warm colours", "Stop-motion paper puppets",
    "Handmade paper world", "Flat paper puppets, calm and friendly", "Storybook paper cut-outs",
    "Animation made of paper", "Papercraft animation", "A picture book in motion",
)  # fmt: skip
TITLES = (
    "Paper Days", "The Visit", "A Small Story", "Morning Post", "Two Friends", "The Walk", "Home",
    "Waiting", "The Promise", "An Ordinary Day", "Strangers", "The Last Train", "Weather Report",
    "A Good Question", "Little Things",
)  # fmt: skip
