"""Every example is a film that can be planned, and the written pages say what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from holocine_cli.console import Console
from holocine_core.errors import InputError
from holocine_core.plan.make import make_plan
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.script import screenplay as models
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import clean, compose
from holocine_core.script.reader import read, read_text
from holocine_core.script.schema import schema
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.timeline import nearest_on_grid
from holocine_core.script.timing import parse_time

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "screenplays").glob("*.yaml"))
SCHEMA = ROOT / "screenplays" / "holocine.schema.json"
PAGE = ROOT / "docs" / "screenplay.md"
examples = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@cache
def manuscript(path: Path) -> Manuscript:
    return read(path)


@cache
def film(path: Path) -> Screenplay:
    return manuscript(path).accepted()


def every_shot() -> Iterator[models.Shot]:
    for path in EXAMPLES:
        for scene in film(path).scenes:
            yield from scene.shots or ()


def planned(path: Path, room: Path) -> Plan:
    """The plan of a machine without weights; how much memory it has is not the question."""
    request = Request(
        out=room / "film.mp4",
        work=room / "work",
        models_dir=room / "models",
        device="cpu",
        memory="resident",
    )
    return make_plan(manuscript(path), request)


# --- each example --------------------------------------------------------------------------------


@examples
def test_an_example_opens_with_its_schema_and_what_it_shows(path: Path) -> None:
    first, *rest = path.read_text().splitlines()
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"
    comment = takewhile(lambda line: line.startswith("#"), rest)
    opening = " ".join(line.removeprefix("#").strip() for line in comment)
    assert f"Model {film(path).model}" in opening
    assert "Time: " in opening
    if film(path).model != "nano":
        assert "`holocine plan` shows the memory it needs" in opening


@examples
def test_an_editor_with_the_schema_accepts_it(path: Path) -> None:
    Draft202012Validator(schema()).validate(manuscript(path).source.data)


@examples
def test_an_example_plans_without_weights(path: Path, tmp_path: Path) -> None:
    plan = planned(path, tmp_path)
    assert plan.to_shoot == len(film(path).scenes)
    assert plan.title == film(path).title
    for take in plan.takes:
        asked, got = take.timing.length.asked, take.timeline.frames
        assert abs(asked - got) <= 2, "the grid moves a length by half a step at most"
    assert not list(tmp_path.iterdir()), "planning writes nothing"


@examples
def test_its_texts_fit_a_14b_prompt(path: Path) -> None:
    """Estimated from above: a token for every mark and for every six letters of a word."""
    screenplay = film(path)
    for scene in screenplay.scenes:
        prompt = compose(screenplay, scene)
        parts = prompt.windows if screenplay.text == "per-shot" else (prompt.text,)
        for part in parts:
            words = re.findall(r"\w+", part)
            marks = re.findall(r"[^\w\s]", part)
            assert len(part.split()) < 330
            assert sum(1 + (len(word) - 1) // 6 for word in words) + len(marks) < 500


# --- the set -------------------------------------------------------------------------------------


def test_titles_are_their_own() -> None:
    titles = [film(path).title for path in EXAMPLES]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_the_demo_is_small_and_has_everything(tmp_path: Path) -> None:
    plan = planned(ROOT / "screenplays" / "lighthouse.yaml", tmp_path)
    assert plan.model.spec.name == "nano"
    assert not plan.model.missing
    assert [take.timeline.shots for take in plan.takes] == [4, 5, 3]
    assert all(61 <= take.timeline.frames <= 97 for take in plan.takes)
    assert [take.transition[0] for take in plan.takes] == ["crossfade", "fade", "cut"]
    assert len(plan.screenplay.characters) == 2


def test_the_set_spans_the_models() -> None:
    used = [film(path).model for path in EXAMPLES]
    assert used.count("nano") >= 5
    assert used.count("holocine-14b-sparse") >= 2
    assert used.count("holocine-14b-full") >= 2
    assert not set(used) - {"nano", "holocine-14b-sparse", "holocine-14b-full"}


CUT_NOTATIONS = {
    "seconds": r"[\d.]+s",
    "minutes": r"\d+:\d\d(\.\d+)?",
    "timecode": r"\d\d:\d\d:\d\d\.\d+",
    "frame code": r"\d\d:\d\d:\d\d:\d\d",
}


def test_every_way_to_cut_is_shown() -> None:
    cuts = [cut for path in EXAMPLES for scene in film(path).scenes for cut in scene.cuts or ()]
    assert any(isinstance(cut, int) for cut in cuts)
    texts = [cut for cut in cuts if isinstance(cut, str)]
    for name, pattern in CUT_NOTATIONS.items():
        assert any(re.fullmatch(pattern, text) for text in texts), name


def test_the_main_features_are_shown() -> None:
    films = [film(path) for path in EXAMPLES]
    scenes = [scene for one in films for scene in one.scenes]
    shots = list(every_shot())
    assert {scene.transition.kind for scene in scenes} == {"cut", "fade", "crossfade"}
    for name in ("seconds", "frames", "size", "angle", "movement"):
        assert any(getattr(shot, name) is not None for shot in shots), name
    for name in ("seconds", "frames", "cuts", "seed", "characters", "prompt", "id"):
        assert any(getattr(scene, name) is not None for scene in scenes), name
    defaults = Screenplay(scenes=films[0].scenes)
    for name in ("style", "negative", "text", "strict", "profiles", "deliver", "video"):
        assert any(getattr(one, name) != getattr(defaults, name) for one in films), name
    assert any(one.deliver.motion == "interpolate" and one.deliver.fps == 24 for one in films)
    assert any(manuscript(path).flat for path in EXAMPLES)
    assert any(len(scene.shots or ()) == 1 for scene in scenes)


def test_most_of_the_cameras_words_are_shown() -> None:
    """Enough of each list that a reader sees how they are used."""
    for name, least in (("size", 9), ("angle", 3), ("movement", 9)):
        assert len({getattr(shot, name) for shot in every_shot()} - {None}) >= least


def test_a_scene_of_a_minute(tmp_path: Path) -> None:
    plan = planned(ROOT / "screenplays" / "salt-road.yaml", tmp_path)
    (take,) = plan.takes
    assert (take.timeline.frames, take.timeline.shots) == (961, 13)
    assert any("961" in warning.message for warning in plan.warnings)


def test_the_committed_schema_is_up_to_date() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), f"holocine schema -o {SCHEMA}"


# --- the page ------------------------------------------------------------------------------------

TABLES = {
    "Film": models.Screenplay,
    "Scene": models.Scene,
    "Shot": models.Shot,
    "Transition": models.TransitionTo,
    "Sound": models.Sound,
    "Music": models.Music,
    "Profile": models.Adjusted,
    "Delivery": models.Deliver,
    "Encoding": models.Video,
    "LoRA": models.Lora,
    "Cards": models.Card,
}
tables = pytest.mark.parametrize(("heading", "model"), TABLES.items(), ids=list(TABLES))


def section(heading: str) -> str:
    """The page's text under a heading of the second level."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Cells of a table's rows, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@tables
def test_the_page_lists_every_key_and_no_other(heading: str, model: type[BaseModel]) -> None:
    listed = [cells[0].strip("`") for cells in rows(section(heading))]
    assert listed == [field.alias or name for name, field in model.model_fields.items()]


@tables
def test_the_page_says_the_defaults(heading: str, model: type[BaseModel]) -> None:
    cells = rows(section(heading))
    for row, field in zip(cells, model.model_fields.values(), strict=True):
        assert row[2] == shown_default(field.default), row[0]


def shown_default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value in (None, "", (), {}) or isinstance(value, BaseModel):
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def numbers_in(text: str) -> set[float]:
    return {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)}


@tables
def test_the_page_says_the_ranges_and_words(heading: str, model: type[BaseModel]) -> None:
    text, properties = section(heading), model.model_json_schema()["properties"]
    for cells in rows(text):
        held = properties[cells[0].strip("`")]
        for part in (held, *held.get("anyOf", ())):
            bounds = {
                part[name]
                for name in ("minimum", "maximum", "exclusiveMinimum")
                if name in part and abs(part[name]) < 10**9
            }
            assert bounds <= numbers_in(cells[1]), cells[0]
            assert all(f"`{word}`" in text for word in part.get("enum", ())), cells[0]


def test_the_page_says_what_the_grid_does() -> None:
    table = rows(section("Time"))
    assert len(table) >= 5
    for written, _, asked, got in table:
        text = written.strip("`")
        value = json.loads(text)
        frames = parse_time(value, Fraction(15))
        assert frames == Fraction(asked)
        assert nearest_on_grid(Fraction(asked)) == int(got)


def test_the_pages_screenplays_are_right_but_the_one_that_is_not() -> None:
    page = PAGE.read_text()
    wrong = blocks(section("When something is wrong"), "yaml")
    assert len(wrong) == 1
    for block in set(blocks(page, "yaml")) - set(wrong):
        assert not read_text(block).problems


def test_the_pages_prompt_is_composed_so() -> None:
    source, *_ = blocks(section("Prompts"), "yaml")
    (shown,) = blocks(section("Prompts"), "text")
    screenplay = read_text(source).accepted()
    assert compose(screenplay, screenplay.scenes[0]).text == clean(shown)


def test_the_pages_errors_are_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = blocks(section("When something is wrong"), "yaml")
    (shown,) = blocks(section("When something is wrong"), "text")
    with pytest.raises(InputError) as raised:
        read_text(source, "harbour.yaml").accepted()
    Console().fail(raised.value)
    assert capsys.readouterr().err == shown


# --- the other pages -----------------------------------------------------------------------------


def decisions() -> Sequence[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_decisions_are_numbered_short_and_whole() -> None:
    pages = decisions()
    assert [page.name[:4] for page in pages] == [f"{i:04d}" for i in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert len(text.splitlines()) <= 40, page.name
        assert re.findall(r"^## (.*)$", text, re.M) == [
            "Context",
            "Choice",
            "What would change our mind",
        ], page.name


@pytest.mark.parametrize(
    "page", [PAGE, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *decisions()], ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (page.parent / target.partition("#")[0]).exists(), target
