"""Who writes captions: a model of transformers or a command; their words, their faults."""

from __future__ import annotations

import fcntl
import json
import shlex
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Stop, never
from holocine_core.ingest import captions
from holocine_core.ingest.captions import Captioner, CommandCaptioner, ModelCaptioner
from holocine_core.ingest.collect import collect
from holocine_core.ingest.film import Film
from holocine_core.ingest.request import IngestRequest
from holocine_core.ingest.scenes import SceneCut
from holocine_core.script.reader import read, read_text
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.unwritten import unwritten
from holocine_core.script.written import screenplay_yaml
from tests.ingest.conftest import MakeFilm
from tests.ingest.tiny_vlm import WORDS, write_tiny_vlm

pytestmark = pytest.mark.usefixtures("quiet")

MARKED = """\
model: nano
characters: {person1: 'CAPTION: who that is'}
global: 'CAPTION: the place'
shots:
- {prompt: 'CAPTION: {person1}, if that is who is seen', frames: 21}
- {prompt: 'CAPTION: what this shot shows', frames: 20}
"""


def _captioned(captioner: Captioner, stop: Stop = never) -> Screenplay:
    """What a captioner makes of a scene of two shots, one person in the first."""
    part = SimpleNamespace(shot=SimpleNamespace(seconds=Fraction(4, 3)))
    looks = SimpleNamespace(
        path=lambda time: Path(f"{time}.jpg"), read=lambda time: np.zeros((8, 8, 3), np.uint8)
    )
    film = SimpleNamespace(looks=looks, pictures=lambda shot, most: (1, 2, 3))
    return captioner.caption(
        read_text(MARKED).accepted(),
        cast(Film, film),
        cast(SceneCut, SimpleNamespace(parts=[part, part])),
        stop=stop,
    )


def _python(folder: Path, code: str) -> CommandCaptioner:
    script = folder / "tell.py"
    script.write_text(code, encoding="utf-8")
    return CommandCaptioner(shlex.join([sys.executable, str(script)]))


def _answering(folder: Path, answer: Any) -> CommandCaptioner:
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return CommandCaptioner(shlex.join(["cat", str(folder / "answer.json")]))


def test_a_command_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    lock, held = tmp_path / "lock", tmp_path / "held"
    child = (
        "import fcntl, pathlib, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, 2); "
        "pathlib.Path(sys.argv[2]).touch(); time.sleep(60)"
    )
    captioner = _python(
        tmp_path,
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {child!r}, {str(lock)!r}, {str(held)!r}])\n",
    )
    with pytest.raises(Interrupted):
        _captioned(captioner, held.exists)
    ends = time.monotonic() + 10
    with lock.open() as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < ends
                time.sleep(0.05)


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "LONGEST", 0.3)
    with pytest.raises(MachineError, match=r"no answer within 0\.3 seconds") as told:
        _captioned(CommandCaptioner("sleep 60"))
    assert told.value.hint


@pytest.mark.parametrize("command", ["python it's", 'python "tell', "", "  "])
def test_what_is_no_command(command: str) -> None:
    with pytest.raises(InputError) as told:
        CommandCaptioner(command)
    assert told.value.where == "--caption-command"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('[' * 200_000)", "no JSON"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
    ],
)
def test_what_a_command_may_do(tmp_path: Path, code: str, told: str) -> None:
    with pytest.raises(MachineError, match=told):
        _captioned(_python(tmp_path, code))
    with pytest.raises(MachineError, match="null byte"):
        _captioned(CommandCaptioner("tell\0me"))


@pytest.mark.parametrize(
    ("caption", "looks", "shots", "told"),
    [
        ("A beach.", {}, ["{bob} waves.", "Sand."], r"unknown character \{bob\} in `- prompt:"),
        ("A beach.", {"a b": "a man"}, ["{a b} waves.", "Sand."], "'a b' is no name"),
        ("A beach.", {"person1": " "}, ["{person1} waves.", "Sand."], "`person1` has no text"),
        ("A beach.", {}, ["Waves. [shot cut] Foam.", "Sand."], "marker"),
        ("A beach.", {}, ["Waves.", "Sand &#91;shot cut&#93; foam."], "marker"),
        ("A beach.", {}, ["Waves.\0", "Sand."], "NUL"),
        ("A \ud800 beach.", {}, ["Waves.", "Sand."], "surrogate"),
        ("{person1} at a beach.", {}, ["Waves.", "Sand."], r"unknown character \{person1\}"),
        ("A } beach.", {}, ["Waves.", "Sand."], "a stray brace"),
        ("This scene contains 3 shots.", {}, ["Waves.", "Sand."], "there are 2"),
        ("A beach. " * 50_000, {}, ["Waves.", "Sand."], "too many"),
    ],
)
def test_an_answer_that_is_no_screenplay_is_refused(
    tmp_path: Path, caption: str, looks: dict[str, str], shots: Sequence[str], told: str
) -> None:
    answer = {"global": caption, "characters": looks, "shots": shots}
    with pytest.raises(MachineError, match=f"its answer can't be used: .*{told}") as failed:
        _captioned(_answering(tmp_path, answer))
    assert failed.value.hint


def test_people_may_be_named_in_what_holds_for_the_scene(tmp_path: Path) -> None:
    looks = {"anna": "a woman", "nobody": "a man"}
    answer = {"global": "{ anna } at a beach.", "characters": looks, "shots": ["Waves.", "Sand."]}
    told = _captioned(_answering(tmp_path, answer))
    assert told.characters == {"anna": "a woman"}
    assert [shot.frames for shot in told.scenes[0].shots or ()] == [21, 20]


class _Says(ModelCaptioner):
    """A model that has one answer to everything."""

    def __init__(self, answer: str) -> None:
        class Inputs(dict[str, Any]):
            def to(self, *place: Any, **kind: Any) -> Inputs:
                return self

        self._processor = SimpleNamespace(
            apply_chat_template=lambda *asked, **how: Inputs(input_ids=torch.zeros(1, 1)),
            batch_decode=lambda made, **how: [answer],
        )
        self._model = SimpleNamespace(
            device="cpu", dtype=torch.float32, generate=lambda **asked: torch.zeros(1, 2)
        )


@pytest.mark.parametrize("answer", ["", ' "" \n', "\0"])
def test_what_a_model_has_no_word_for_keeps_its_mark(answer: str) -> None:
    told = _captioned(_Says(answer))
    assert told == read_text(MARKED).accepted()
    assert len(list(unwritten(told))) == 4


def test_a_models_words_are_brought_to_a_screenplays() -> None:
    said = '{bob} [shot cut] &#91;shot cut&#93;\0 \ud800 This scene contains 7 shots. "'
    told = _captioned(_Says(said))
    assert not list(unwritten(told))
    assert read_text(screenplay_yaml(told)).accepted() == told


def test_a_model_is_stopped_between_two_questions() -> None:
    with pytest.raises(Interrupted):
        _captioned(_Says("A dog."), lambda: True)


@pytest.mark.slow
def test_a_model_writes_captions(film: MakeFilm, tmp_path: Path) -> None:
    write_tiny_vlm(tmp_path / "vlm")
    request = IngestRequest(
        files=(film(40, 50, 44, 36, 60, 40),),
        out=tmp_path / "data",
        size=(96, 64),
        lengths=(3.0,),
        caption_model=str(tmp_path / "vlm"),
        device="cpu",
    )
    made = collect(request)
    assert made.samples
    assert made.unwritten == 0
    texts = set()
    for path in made.samples:
        scene = read(path).accepted().scenes[0]
        texts |= {scene.global_, *(shot.prompt for shot in scene.shots or ())}
    words = {word for text in texts for word in text.replace("{", "").replace("}", "").split()}
    assert words <= {*WORDS, "person1", "person2", "person3", "person4", "person5", "person6"}
    assert len(texts) > 2  # It looks at the pictures.


@pytest.mark.slow
def test_what_is_no_such_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no model that tells pictures in words"):
        ModelCaptioner(str(tmp_path / "empty"), "cpu")
    write_tiny_vlm(tmp_path / "mute", chat=None)
    with pytest.raises(InputError, match="no chat template"):
        ModelCaptioner(str(tmp_path / "mute"), "cpu")


@pytest.mark.slow
def test_what_is_no_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no device 'banana'") as told:
        ModelCaptioner(str(tmp_path), "banana")
    assert told.value.hint
    with pytest.raises(MachineError, match="the device meta can't be used") as missing:
        ModelCaptioner(str(tmp_path), "meta")
    assert missing.value.hint
