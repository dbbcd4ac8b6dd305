"""Scripts and screenplays that are broken: an answer, never a fault of ours, and in time."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holocine_core.adapt.draft import to_yaml
from holocine_core.adapt.names import Names, plain
from holocine_core.adapt.read import MAX_BYTES, Kind, read_script
from holocine_core.errors import MOST_TOLD, InputError
from holocine_core.film.planning import plan_film
from holocine_core.request import Request
from holocine_core.script.reader import read_text
from tests.scripts_broken import PIECES, SOUND, broken_script

DIGITS = "9" * 5000
SHOT = "  shots: [{prompt: A dog., seconds: 2}]\n"
SCREENPLAYS: dict[str, str] = {
    "no such character": 'scenes:\n- global: "\\U00110000"\n' + SHOT,
    "digits of a count": f"prompt: '[global caption] A yard. This scene contains {DIGITS} shots. "
    "[per shot caption] A dog. [shot cut] A cat.'\n",
    "digits of an entity": f'scenes:\n- global: "A yard &#{DIGITS};"\n' + SHOT,
    "zeros of an entity": f'scenes:\n- global: "A yard &#{"0" * 5000}9999999999;"\n' + SHOT,
    "entity of an entity": f'scenes:\n- global: "A yard &amp;#{DIGITS};"\n' + SHOT,
    "digits of a version": f"%YAML 1.{DIGITS}\n---\nscenes:\n- global: A yard.\n{SHOT}",
    "digits of a time": f"keyframes: {{'{DIGITS}': a.png}}\nframes: 13\nshots: [A dog.]\n",
    "digits of a seed": f"seed: {DIGITS}\nshots: [A dog.]\n",
    "digits of a size": f"size: {DIGITS}x64\nshots: [A dog.]\n",
    "half a character": 'title: "\\ud83d"\nshots: [A dog.]\n',
    "brackets": "title: " + "[" * 3000 + "\nshots: [A dog.]\n",
    **{
        f"tag {tag}": f"title: {tag}\nshots: [A dog.]\n"
        for tag in (
            "!!bool maybe", "!!int 1_0", "!!int '\u0663'", "!!float x", "!!null x", "!!binary aGk=",
            "!!timestamp 2001-01-01", "!x y", "!<x:null> y", "!!seq {a: 1}", "!!map [1]",
        )
    },
    "tag of a name": "!!bool maybe: 3\nshots: [A dog.]\n",
}  # fmt: skip


@pytest.mark.parametrize("text", SCREENPLAYS.values(), ids=SCREENPLAYS)
def test_a_screenplay_that_was_a_fault_once(text: str, tmp_path: Path) -> None:
    path = tmp_path / "film.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        plan_film(path, Request())
    assert all(f"{path}:" in problem.where for problem in refused.value.problems)
    assert refused.value.hint or refused.value.problems[0].hint


def test_two_halves_are_one_character() -> None:
    found = read_text('title: "\\ud83d\\ude00"\nshots: [A dog.]\n').screenplay
    assert found is not None
    assert found.title == "\U0001f600"


def fdx(body: str) -> str:
    return f"<FinalDraft><Content>{body}</Content></FinalDraft>"


DEEP = "<Paragraph><DualDialogue>" * 5000 + '<Paragraph Type="Action"><Text>x</Text></Paragraph>'
READ = {
    "digits of a note.fountain": f"INT. A\n\nAnn [[{DIGITS[:4900]}]] stands.\n",
    "digits of a cut.fountain": f"INT. A\n\nAnn /*{DIGITS[:4900]}*/ stands.\n",
    "deep.fdx": fdx(DEEP + "</DualDialogue></Paragraph>" * 5000),
    "digits.txt": f"[global caption] A. This scene contains {DIGITS} shots. [per shot caption] B.",
}


@pytest.mark.parametrize("name", READ)
def test_a_script_that_was_a_fault_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(READ[name], encoding="utf-8")
    assert to_yaml(read_script(path, longest=8), "nano")


def test_what_a_script_can_not_have_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.fountain"
    path.write_text("INT. A\n\n" + "x" * 6000)
    with pytest.raises(InputError, match="the line has 6,000 characters") as long:
        read_script(path, longest=8)
    assert long.value.where.endswith("a.fountain:3:1")
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="more than"):
        read_script(path, longest=8)


def test_broken_scripts_are_answered(tmp_path: Path) -> None:
    for number in range(300):
        kind, raw = broken_script(number)
        read_or_refused(tmp_path / "script", raw, kind)


def read_or_refused(path: Path, raw: bytes, kind: Kind | str) -> None:
    path.write_bytes(raw)
    with contextlib.suppress(InputError):
        to_yaml(read_script(path, longest=8, kind=kind), "nano")  # type: ignore[arg-type]


TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=12).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(SOUND)), before=TEXTS, after=TEXTS)
def test_any_script_is_read_or_refused(tmp_path: Path, kind: str, before: str, after: str) -> None:
    raw = f"{before}{SOUND[kind]}{after}".encode("utf-8", "surrogatepass")
    read_or_refused(tmp_path / "script", raw, kind)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    key=st.sampled_from(["title", "global", "shots", "characters", "cuts", "seed", "keyframes"]),
    value=VALUES,
    text=TEXTS,
)
def test_any_screenplay_is_planned_or_refused(
    tmp_path: Path, key: str, value: object, text: str
) -> None:
    import yaml

    path = tmp_path / "film.yaml"
    data = {"global": "A yard.", "frames": 13, "shots": ["A dog."], key: value}
    for written in (yaml.safe_dump(data, allow_unicode=True), f"global: {text}\nshots: [{text}]\n"):
        path.write_bytes(written.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(InputError):
            plan_film(path, Request())


# --- time ----------------------------------------------------------------------------------------

SLOW: dict[str, str] = {
    "unknown names": "characters: {ann: a woman}\nscenes:\n- frames: 90001\n  global: A {ann}.\n"
    "  shots:\n"
    + "".join(f'  - "{{bob{i}}} stands."\n' for i in range(2000)),
    "names": "characters: {" + ", ".join(f"ann{i}: a woman" for i in range(2000)) + "}\nshots:\n"
    + "".join(f'- "{{bnn{i}}} stands."\n' for i in range(2000)),
    "scenes": "scenes:\n" + ("- global: A yard.\n" + SHOT) * 1000,
    "shots": "frames: 90001\nshots: [" + ", ".join(["a"] * 4000) + "]\n",
    "keyframes": "frames: 90001\nshots: [a]\nkeyframes: {"
    + ", ".join(f"{4 * i + 1}: a.png" for i in range(4000)) + "}\n",
    "a brace": "global: 'A {" + " " * 20_000 + "x'\nshots: [a]\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_a_long_screenplay_is_read_in_time(name: str, tmp_path: Path) -> None:
    """Each took from ten seconds to hours while everything was compared with everything."""
    path = tmp_path / "film.yaml"
    path.write_text(SLOW[name], encoding="utf-8")
    begun = time.process_time()
    with contextlib.suppress(InputError):
        plan_film(path, Request())
    assert time.process_time() - begun < 6


def test_of_very_many_problems_the_first_and_a_count_are_told(tmp_path: Path) -> None:
    path = tmp_path / "film.yaml"
    path.write_text(SLOW["unknown names"])
    with pytest.raises(InputError) as refused:
        plan_film(path, Request())
    problems = refused.value.problems
    assert problems[0].message == "unknown character {bob0}"
    assert problems[MOST_TOLD].message == "and 1,900 more problems"
    assert problems[MOST_TOLD].where.startswith(f"{path}:{MOST_TOLD + 6}:")


def test_a_long_script_is_read_in_time(tmp_path: Path) -> None:
    path = tmp_path / "a.fountain"
    speeches = "".join(f"MAN {i}, a tall man, stands.\n\nMAN {i}\nHello.\n\n" for i in range(1500))
    for text in (
        "INT. YARD - DAY\n\nAnn stands.\n\n" * 3000,
        f"INT. YARD - DAY\n\n{speeches}",
        "INT. YARD - DAY\n\n" + "*a _b **c " * 400,
        "INT. YARD - DAY\n\nA" + " " * 4000 + "b(\n\n",
        ("INT. A" + " " * 4900 + "b\n\n") * 100,
        "INT. YARD - DAY\n\n" + "[[ a\n\n" * 10_000 + "]]",
        "INT. YARD - DAY\n\n" + "/* a\n\n" * 10_000,
    ):
        path.write_text(text)
        begun = time.process_time()
        read_script(path, longest=8)
        assert time.process_time() - begun < 6


def test_names_and_emphasis() -> None:
    names = Names({"MARA": "mara", "OLD MARA": "old_mara", "#1 GUARD": "guard"})
    told = names.tagged("Old Mara sees MARA; mara and MARAS stay. {#1 GUARD}")
    assert told == "{old_mara} sees {mara}; mara and MARAS stay. {{{guard}}}"
    looks = names.looks(["He waits.", "OLD MARA (60), an old *woman*, and MARA, a girl."])
    assert looks == {"OLD MARA": "an old woman, 60", "MARA": "an old woman, 60"}
    assert plain("***a* b** _c_ *d") == "a b c *d"
