"""Who writes captions: a vision-language model, a command of one's own, or later a person."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from holocine_core.errors import InputError, MachineError
from holocine_core.ingest.film import Film
from holocine_core.ingest.request import IngestRequest
from holocine_core.ingest.scenes import SceneCut
from holocine_core.script.screenplay import Screenplay

PICTURES = 3
"""Pictures of a shot that a captioner sees."""
_ASK_SHOT = (
    "These are frames of one shot of a film, in order. Say in one or two plain sentences what is "
    "seen and what happens, with the shot size and the camera's movement where they are clear. "
    "{who}Do not speak of frames, images or a film."
)
_ASK_LOOK = (
    "These frames show the same person, animal or figure, called {name}. Describe {name} in one "
    "phrase that begins with 'a' or 'an': kind, age, hair, clothes. If nobody is there, answer "
    "with the one word nobody."
)
_ASK_SCENE = (
    "These frames show one scene of a film, shot by shot. Describe in two or three plain sentences "
    "what holds for the whole scene: the style, the place, the time and the light. Leave out what "
    "single shots show."
)
_NOBODY = re.compile(r"^\W*(nobody|no one|none)\b", re.I)


class Captioner(Protocol):
    """Writes a scene's texts."""

    def caption(self, screenplay: Screenplay, film: Film, scene: SceneCut) -> Screenplay:
        """The screenplay with its marks replaced."""
        ...


def captioner_of(request: IngestRequest) -> Captioner | None:
    """Who writes captions; None where a person will.

    Raises:
        InputError: The model is none that tells pictures in words.
        MachineError: It can't be loaded.
    """
    if request.caption_model:
        return ModelCaptioner(request.caption_model, request.device)
    if request.caption_command:
        return CommandCaptioner(request.caption_command)
    return None


class CommandCaptioner:
    """Runs a command for every scene: JSON on its stdin, JSON on its stdout.

    In: ``{"shots": [{"pictures": [PATH, ...], "seconds": S, "characters": [NAME, ...]}, ...]}``;
    out: ``{"global": TEXT, "characters": {NAME: LOOK}, "shots": [TEXT, ...]}``. Characters are
    written as ``{NAME}`` in texts.

    Args:
        command: As a shell would part it into words; no shell runs it.
    """

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)
        if not self._words:
            raise InputError("the command is empty", where="--caption-command")

    def caption(self, screenplay: Screenplay, film: Film, scene: SceneCut) -> Screenplay:
        question = {
            "shots": [
                {
                    "pictures": [
                        str(film.looks.path(time).absolute())
                        for time in film.pictures(part.shot, PICTURES)
                    ],
                    "seconds": round(float(part.shot.seconds), 3),
                    "characters": names,
                }
                for part, names in zip(scene.parts, shown(screenplay), strict=True)
            ]
        }
        answer = self._ask(question)
        texts, looks = answer.get("shots"), answer.get("characters", {})
        caption = answer.get("global")
        fits = (
            isinstance(caption, str)
            and isinstance(texts, list)
            and len(texts) == len(scene.parts)
            and all(isinstance(text, str) and text.strip() for text in texts)
            and isinstance(looks, dict)
            and all(isinstance(look, str) for look in looks.values())
        )
        if not fits or texts is None or caption is None:
            raise self._failed(
                f"it answered with something else than `global`, `characters` and "
                f"{len(scene.parts)} `shots`"
            )
        return _with_texts(screenplay, caption, texts, looks)

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            done = subprocess.run(
                self._words, input=json.dumps(question).encode(), capture_output=True
            )
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            raise self._failed(f"exit code {done.returncode}: {told[-1] if told else 'no word'}")
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            raise self._failed(f"its answer is no JSON: {error}") from None
        if not isinstance(answer, dict):
            raise self._failed("its answer is no JSON object")
        return answer

    def _failed(self, why: str) -> MachineError:
        return MachineError(
            f"the caption command failed: {why}",
            where=self._words[0],
            hint="mend it and run the same command again: what is captioned is kept",
        )


class ModelCaptioner:
    """An image-text-to-text model of transformers, asked about shots, people and the scene.

    Args:
        name: A local folder, or a name on the hub.
        device: ``auto``, ``cpu``, ``cuda`` ...
    """

    def __init__(self, name: str, device: str) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        local = Path(name).expanduser()
        source = str(local) if local.exists() else name
        where = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        )
        try:
            self._processor = AutoProcessor.from_pretrained(source, local_files_only=local.exists())
            model = AutoModelForImageTextToText.from_pretrained(
                source, local_files_only=local.exists(), dtype="auto"
            )
        except ImportError as missing:
            raise MachineError(
                f"{name} needs a package that is not installed: {_first_line(missing)}",
                where="--caption-model",
                hint="most need torchvision, of the same build as torch",
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"{name} is no model that tells pictures in words: {_first_line(error)}",
                where="--caption-model",
                hint="give a folder or a hub name of an image-text-to-text model, with its "
                "processor and its chat template",
            ) from None
        if not getattr(self._processor, "chat_template", None):
            raise InputError(
                f"{name} has no chat template",
                where="--caption-model",
                hint="take a model that was tuned to follow instructions",
            )
        self._model = model.to(where).eval()

    def caption(self, screenplay: Screenplay, film: Film, scene: SceneCut) -> Screenplay:
        seen = [
            [film.looks.read(time) for time in film.pictures(part.shot, PICTURES)]
            for part in scene.parts
        ]
        who = shown(screenplay)
        looks: dict[str, str] = {}
        for name in screenplay.characters:
            pictures = [
                one[len(one) // 2] for one, names in zip(seen, who, strict=True) if name in names
            ]
            said = self._ask(pictures[:4], _ASK_LOOK.format(name=name), 60)
            if said and not _NOBODY.match(said):
                looks[name] = said.rstrip(".")
        texts = []
        for pictures, names in zip(seen, who, strict=True):
            known = [name for name in names if name in looks]
            told = "".join(f"Call {looks[name]} by the name {name}. " for name in known)
            texts.append(_tagged(self._ask(pictures, _ASK_SHOT.format(who=told), 120), known))
        caption = self._ask([one[len(one) // 2] for one in seen], _ASK_SCENE, 160)
        return _with_texts(screenplay, caption, texts, looks)

    def _ask(self, pictures: Sequence[Any], question: str, words: int) -> str:
        import torch
        from PIL import Image

        content: list[dict[str, Any]] = [
            {"type": "image", "image": Image.fromarray(np.ascontiguousarray(picture))}
            for picture in pictures
        ]
        content.append({"type": "text", "text": question})
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._model.device, dtype=self._model.dtype)
        with torch.inference_mode():
            made = self._model.generate(**inputs, max_new_tokens=words, do_sample=False)
        fresh = made[:, inputs["input_ids"].shape[1] :]
        said: str = self._processor.batch_decode(fresh, skip_special_tokens=True)[0]
        return _plain(said)


def shown(screenplay: Screenplay) -> list[list[str]]:
    """The characters that each shot's text names."""
    return [
        [name for name in screenplay.characters if "{" + name + "}" in shot.prompt]
        for shot in screenplay.scenes[0].shots or ()
    ]


def _with_texts(
    screenplay: Screenplay, caption: str, texts: Sequence[str], looks: Mapping[str, str]
) -> Screenplay:
    scene = screenplay.scenes[0]
    shots = tuple(
        shot.model_copy(update={"prompt": text.strip()})
        for shot, text in zip(scene.shots or (), texts, strict=True)
    )
    changed = scene.model_copy(update={"global_": caption.strip(), "shots": shots})
    # A name that no text uses would be nobody's.
    used = {name: look for name, look in looks.items() if any("{" + name + "}" in t for t in texts)}
    return screenplay.model_copy(update={"scenes": (changed,), "characters": used})


def _tagged(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = re.sub(rf"[\[(]?\b{re.escape(name)}\b[\])]?", "{" + name + "}", text, flags=re.I)
    return text


def _plain(said: str) -> str:
    """One line, without what a screenplay takes for a character's name or a tag of its own."""
    text = re.sub(r"\s+", " ", said).strip().strip('"')
    return text.translate(str.maketrans("{}[]", "()()"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
