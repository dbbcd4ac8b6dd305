"""The review page in a browser: what is said on it becomes a file that comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holocine_core.ingest.collect import collect
from holocine_core.ingest.request import IngestRequest
from holocine_core.script.reader import read
from tests.ingest.conftest import MakeFilm
from tests.report.browser import CHROMIUM, ask

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]

SAY = """
page.querySelector('[data-cut="40"][value="false"]').click();
page.querySelector('[data-drop="130"]').click();
const write = (what, text) => {
  const field = [...page.querySelectorAll('.sample')].at(-1).querySelector(what);
  field.value = text;
  field.dispatchEvent(new view.Event('input', {bubbles: true}));
};
write('[data-text="global"]', 'Walls with stripes: <red> & "blue".');
write('[data-name]', 'anna');
return {said: view.eval('answers()')[0], note: page.getElementById('said').textContent,
        off: page.getElementById('save').disabled};
"""


def test_what_is_said_comes_back(film: MakeFilm, tmp_path: Path) -> None:
    path, out = film(40, 46, 44, 36, 60, 40, 48), tmp_path / "data"
    request = {"files": (path,), "out": out, "size": (96, 64), "lengths": (3.0,)}
    made = collect(IngestRequest(**request, review=True))  # type: ignore[arg-type]
    assert made.page is not None
    (tmp_path / "room").mkdir()
    told = ask(made.page, SAY, tmp_path / "room", 1200)
    assert not told["off"]
    assert told["note"].startswith("4 answers.")
    first = made.samples[-1].stem
    assert told["said"]["films"] == {"film": {"cuts": {"40": False}, "keep": [], "drop": [130]}}
    assert told["said"]["samples"][first]["names"] == {
        next(iter(read(made.samples[-1]).accepted().characters)): "anna"
    }
    said = tmp_path / "answers.json"
    said.write_text(json.dumps(told["said"]), encoding="utf-8")
    again = collect(IngestRequest(**request, answers=said))  # type: ignore[arg-type]
    starts = [shot.first for shot in again.films[0].shots]
    assert 40 not in starts
    assert 130 in starts
    scene = read(out / f"{first}.yaml").accepted()
    assert scene.scenes[0].global_ == 'Walls with stripes: <red> & "blue".'
    assert "anna" in scene.characters
    assert "{anna}" in (scene.scenes[0].shots or ())[0].prompt
