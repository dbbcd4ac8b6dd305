"""What people call a screenplay's keys who come from other tools. Hints only: none is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from holocine_core.script.screenplay import (
    Adjusted,
    Card,
    Deliver,
    Lora,
    Scene,
    Screenplay,
    Shot,
    Sound,
    TransitionTo,
    Video,
)

_LENGTH = "duration length time dur sec secs"
_TEXT = "text caption description desc action content visual visuals"
_CAST = "cast chars people persons actors character"
_RATE = "frame_rate framerate frames_per_second"
_FILE = "path filename src source url"
_MEANT: Mapping[type[BaseModel], Mapping[str, str]] = {
    Shot: {
        "seconds": _LENGTH,
        "frames": "num_frames frame_count",
        "prompt": f"{_TEXT} scene_description",
        "movement": "move motion camera_movement camera_motion camera_move",
        "size": "framing shot_size shot_type type camera_distance",
        "angle": "camera_angle view",
        "image": "img picture keyframe first_frame init_image reference start_image",
        "lora": "loras",
    },
    Scene: {
        "seconds": _LENGTH,
        "frames": "num_frames frame_count",
        "id": "name title label slug scene_id",
        "global": f"{_TEXT} setting location place environment global_caption global_prompt",
        "characters": _CAST,
        "shots": "shot clips beats prompts shot_list",
        "cuts": "cut shot_cuts shot_cut_frames cut_frames",
        "keyframes": "image images pictures keyframe",
        "sound": "audio dialogue voice soundtrack",
        "prompt": "raw_prompt",
    },
    Screenplay: {
        "title": "name",
        "size": "resolution dimensions width height aspect aspect_ratio frame_size",
        "fps": _RATE,
        "negative": "negative_prompt neg",
        "profile": "quality preset",
        "characters": _CAST,
        "music": "soundtrack audio score",
        "style": "look global_style",
        "model": "checkpoint ckpt model_path",
        "lora": "loras",
        "scenes": "scene",
        "video": "codec encoding crf",
        "cards": "titles credits title_card",
        "deliver": "delivery",
    },
    Adjusted: {
        "steps": "num_inference_steps num_steps inference_steps",
        "guidance": "cfg cfg_scale guidance_scale scale",
        "size": "resolution width height",
        "shift": "flow_shift sample_shift",
        "sampler": "scheduler solver",
        "lora": "loras",
    },
    Deliver: {"size": "resolution width height", "fps": _RATE, "loudness": "lufs"},
    Video: {"quality": "crf", "codec": "format encoder"},
    Sound: {
        "file": f"{_FILE} name",
        "gain": "volume db level",
        "offset": "start begin in_point",
    },
    Lora: {"file": f"{_FILE} name", "weight": "strength scale multiplier"},
    TransitionTo: {"kind": "type name", "seconds": _LENGTH},
    Card: {
        "text": "title caption",
        "under": "subtitle sub",
        "seconds": _LENGTH,
        "ink": "color colour",
        "paper": "background",
    },
}
"""Key of ours -> what others call it, in small letters with underlines."""
_SENTENCES: Mapping[type[BaseModel], Mapping[str, str]] = {
    Shot: {
        "camera": "did you mean `movement`, or `size` or `angle`?",
        "name id title label number": "shots have numbers; a comment (# ...) holds a name",
        f"characters {_CAST}": "leave it out: name characters as {name} in the `prompt`",
        "sound audio dialogue dialog voice": "sounds belong to scenes: write `sound` there",
    },
    Scene: {"camera": "each shot has its own: `size`, `angle`, `movement`"},
    Screenplay: {
        "steps guidance guidance_scale cfg cfg_scale num_inference_steps sampler scheduler shift": (
            "a profile has it: `profiles: {standard: {steps: 30, guidance: 5}}`"
        ),
        "device gpu": "the machine is no part of a screenplay: use the option --device",
        "out output file": "where it goes is no part of a screenplay: use the option -o",
        "author version date notes comment": "leave it out, or make it a comment: # ...",
    },
}
"""Other words -> what to do instead, where no one key of ours is meant."""
_LEVELS: Sequence[tuple[type[BaseModel], str]] = (
    (Screenplay, "at the top of the file"),
    (Scene, "in a scene"),
    (Shot, "in a shot"),
)


_VALUES: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "crossfade": "dissolve xfade mix cross_dissolve cross_fade",
        "fade": "fade_to_black fade_out fade_in fade_through_black dip dip_to_black black",
        "cut": "none hard_cut straight_cut",
    },
}
"""Key -> value of ours -> what others call it."""


def value_meant(key: str, value: str) -> str:
    """The hint for a value that is none of a key's; empty where nothing is known of it."""
    plain = _plain(value)
    for ours, others in _VALUES.get(key, {}).items():
        if plain in others.split():
            return f"{value} is '{ours}' here"
    return ""


def _plain(word: str) -> str:
    return "_".join(word.lower().replace("-", " ").replace("_", " ").split())


def meant_by(word: str, models: Sequence[type[BaseModel]]) -> str:
    """The hint for a key that is none; empty where nothing is known of it.

    Args:
        word: As written.
        models: Whose keys stand in that place, the nearest first.
    """
    plain = _plain(word)
    for kind in models:
        for others, sentence in _SENTENCES.get(kind, {}).items():
            if plain in others.split():
                return sentence
        if key := key_meant(plain, kind):
            return f"did you mean `{key}`?"
    return next(_elsewhere(plain, models), "")


def key_meant(word: str, model: type[BaseModel]) -> str:
    """The key of a model that a word stands for in other tools; empty where there is none."""
    for kind in model.__mro__:
        for key, others in _MEANT.get(kind, {}).items():
            if word in others.split():
                return key
    return ""


def screenplay_key(word: str) -> tuple[str, bool]:
    """The key of a screenplay, of whatever level, that a word of another tool's means, and whether
    it is that very key; empty where it means none."""
    plain = word.replace("-", "_")
    for level, _ in _LEVELS:
        if plain in {field.alias or name for name, field in level.model_fields.items()}:
            return plain, True
    return next((key for level, _ in _LEVELS if (key := key_meant(plain, level))), ""), False


def _elsewhere(word: str, models: Sequence[type[BaseModel]]) -> Iterator[str]:
    """Where a key stands that is one, and not in this place; then one that is meant."""
    others = [(level, place) for level, place in _LEVELS if level not in models]
    if len(others) == len(_LEVELS):
        return
    for level, place in others:
        if word in {field.alias or name for name, field in level.model_fields.items()}:
            yield f"`{word}` stands {place}"
    for level, place in others:
        if key := key_meant(word, level):
            yield f"did you mean `{key}`? It stands {place}"
