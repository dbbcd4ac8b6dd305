"""A model of transformers writes captions: its pictures, its words, its faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.ingest.captions import ModelCaptioner
from holocine_core.ingest.collect import collect
from holocine_core.ingest.request import IngestRequest
from holocine_core.script.reader import read
from tests.ingest.conftest import MakeFilm
from tests.ingest.tiny_vlm import WORDS, write_tiny_vlm

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.slow]


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


def test_what_is_no_such_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no model that tells pictures in words"):
        ModelCaptioner(str(tmp_path / "empty"), "cpu")
    write_tiny_vlm(tmp_path / "mute", chat=None)
    with pytest.raises(InputError, match="no chat template"):
        ModelCaptioner(str(tmp_path / "mute"), "cpu")
