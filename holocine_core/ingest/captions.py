"""Who writes captions: a vision-language model, a command of one's own, or later a person."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Stop, never
from holocine_core.ingest.film import Film
from holocine_core.ingest.request import IngestRequest
from holocine_core.ingest.scenes import SceneCut
from holocine_core.script import prompt as prompts
from holocine_core.script.reader import read_text
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.written import screenplay_yaml

if TYPE_CHECKING:
    import torch

PICTURES = 3
"""Pictures of a shot that a captioner sees."""
LONGEST = 600.0
"""Seconds that a command may take for a scene."""
_ASKED_EVERY = 0.2
"""Seconds after which it is asked whether to stop while a command runs."""
_MOST = 200_000
"""Letters of a scene's texts: a screenplay that is much longer can't be read."""
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

    def caption(
        self, screenplay: Screenplay, film: Film, scene: SceneCut, *, stop: Stop = never
    ) -> Screenplay:
        """The screenplay with its marks replaced; it is valid.

        Args:
            screenplay: Of the scene, with marks.
            film: Whose pictures were gathered.
            scene: The scene.
            stop: Asked again and again meanwhile.

        Raises:
            MachineError: The captioner failed, or what it said is no screenplay.
            Interrupted: ``stop`` said so.
        """
        ...


def captioner_of(request: IngestRequest) -> Captioner | None:
    """Who writes captions; None where a person will.

    Raises:
        InputError: The model is none that tells pictures in words, or the command or the device is
            none.
        MachineError: The model can't be loaded.
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
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(
                f"the command can't be parted into words: {error}",
                where="--caption-command",
                hint="close its quotes, or write \\' for an apostrophe",
            ) from None
        if not self._words:
            raise InputError("the command is empty", where="--caption-command")

    def caption(
        self, screenplay: Screenplay, film: Film, scene: SceneCut, *, stop: Stop = never
    ) -> Screenplay:
        paths = [
            [str(film.looks.path(time).absolute()) for time in film.pictures(part.shot, PICTURES)]
            for part in scene.parts
        ]
        shots = [
            {"pictures": seen, "seconds": round(float(part.shot.seconds), 3), "characters": names}
            for part, seen, names in zip(scene.parts, paths, shown(screenplay), strict=True)
        ]
        answer = self._ask({"shots": shots}, stop)
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
        try:
            return _with_texts(screenplay, caption, texts, looks)
        except InputError as error:
            raise self._failed(f"its answer can't be used: {error}") from None

    def _ask(self, question: Mapping[str, Any], stop: Stop) -> dict[str, Any]:
        try:
            code, out, err = self._run(json.dumps(question).encode(), stop)
        except (OSError, ValueError) as error:  # no word of a command holds a NUL
            raise self._failed(getattr(error, "strerror", None) or str(error)) from None
        if code:
            told = err.decode(errors="replace").strip().splitlines()
            ended = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise self._failed(f"{ended}: {told[-1] if told else 'no word'}")
        try:
            answer = json.loads(out)
        except (ValueError, RecursionError) as error:
            raise self._failed(f"its answer is no JSON: {error}") from None
        if not isinstance(answer, dict):
            raise self._failed("its answer is no JSON object")
        return answer

    def _run(self, question: bytes, stop: Stop) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of the command."""
        ends = time.monotonic() + LONGEST
        given: bytes | None = question
        pipe = subprocess.PIPE
        # A session of its own, so that a Ctrl-C reaches only the caller, who decides.
        with subprocess.Popen(
            self._words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        ) as process:
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        out, err = process.communicate(given, timeout=_ASKED_EVERY)
                        return process.returncode, out, err
                    given = None  # What was sent of it is remembered.
                    _unless(stop)
                    if time.monotonic() >= ends:
                        raise self._failed(f"no answer within {LONGEST:g} seconds")
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # With all that it started.
                raise

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
        from transformers import AutoModelForImageTextToText, AutoProcessor

        where = _device(device)
        local = Path(name).expanduser()
        source = str(local) if local.exists() else name
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
        try:
            self._model = model.to(where).eval()
        except (RuntimeError, AssertionError) as error:  # torch tells of a missing device by both
            raise MachineError(
                f"{name} can't be brought to {where}: {_first_line(error)}",
                where="--device",
                hint="free its memory, take a smaller model, or give --device cpu",
            ) from None

    def caption(
        self, screenplay: Screenplay, film: Film, scene: SceneCut, *, stop: Stop = never
    ) -> Screenplay:
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
            _unless(stop)
            said = self._ask(pictures[:4], _ASK_LOOK.format(name=name), 60) if pictures else ""
            if said and not _NOBODY.match(said):
                looks[name] = said.rstrip(".")
        scene_now = screenplay.scenes[0]
        texts = []
        for pictures, names, shot in zip(seen, who, scene_now.shots or (), strict=True):
            known = [name for name in names if name in looks]
            told = "".join(f"Call {looks[name]} by the name {name}. " for name in known)
            _unless(stop)
            said = self._ask(pictures, _ASK_SHOT.format(who=told), 120)
            # Where the model has no word the mark stays, with whom it names.
            texts.append(_tagged(said, known) or shot.prompt)
        _unless(stop)
        said = self._ask([one[len(one) // 2] for one in seen], _ASK_SCENE, 160)
        caption = prompts.COUNT.sub("", said).strip() or scene_now.global_
        try:
            return _with_texts(screenplay, caption, texts, {**screenplay.characters, **looks})
        except InputError as error:
            raise MachineError(
                f"the caption model's answer can't be used: {error}",
                where="--caption-model",
                hint="take another model; what is captioned is kept",
            ) from None

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


def _unless(stop: Stop) -> None:
    if stop():
        raise Interrupted("stopped while a caption was written; those of earlier scenes are kept")


def _device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes a GPU where there is one."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(
            f"there is no device {name!r}", where="--device", hint="auto, cpu, cuda, cuda:1 ..."
        ) from None
    try:
        torch.zeros(1, device=device).item()  # Before gigabytes are fetched for it.
    except (RuntimeError, AssertionError, ImportError) as error:
        raise MachineError(
            f"the device {name} can't be used: {_first_line(error).split('. ')[0]}",
            where="--device",
            hint="--device cpu works everywhere",
        ) from None
    return device


def _with_texts(
    screenplay: Screenplay, caption: str, texts: Sequence[str], looks: Mapping[str, str]
) -> Screenplay:
    """The screenplay with new texts, as it will be read from its file.

    Raises:
        InputError: It would be none.
    """
    scene = screenplay.scenes[0]
    texts = [text.strip() for text in texts]
    shots = tuple(
        shot.model_copy(update={"prompt": text})
        for shot, text in zip(scene.shots or (), texts, strict=True)
    )
    changed = scene.model_copy(update={"global_": caption.strip(), "shots": shots})
    # A name that no text uses would be nobody's.
    names = {mention.name for text in (caption, *texts) for mention in prompts.mentions(text)}
    used = {
        name: look for name, look in looks.items() if unicodedata.normalize("NFC", name) in names
    }
    told = screenplay_yaml(screenplay.model_copy(update={"scenes": (changed,), "characters": used}))
    if len(told) > _MOST:
        raise InputError(f"{len(told):,} letters are too many for a scene")
    manuscript = read_text(told, "answer")
    lines = told.splitlines()
    faults = [
        f"{one.message} in `{lines[int(one.where.split(':')[1]) - 1].strip()}`"
        for one in manuscript.problems
    ]
    if faults:
        raise InputError("; ".join(faults))
    return manuscript.accepted()


def _tagged(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = re.sub(rf"[\[(]?\b{re.escape(name)}\b[\])]?", "{" + name + "}", text, flags=re.I)
    return text


def _plain(said: str) -> str:
    """One line, without what a screenplay takes for a character's name or a tag of its own."""
    shown = "".join(letter for letter in prompts.clean(said) if letter.isprintable())
    text = " ".join(shown.split()).strip('"').strip()
    return text.translate(str.maketrans("{}[]", "()()"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
