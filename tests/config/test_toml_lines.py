"""Every key of a TOML file has the line that it begins on, whatever stands between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holocine_core.config.toml_source import MAX_BYTES, MAX_LINES, parse_toml, read_toml
from holocine_core.errors import InputError

HARD = '''# a comment: profile = "draft"

profile = "draft"   # = "x"
"out" = """
[profiles.no]
steps = 1
"""
model = \'\'\'
steps = 2\'\'\'
ratios = [
  1.0,  # [x]
  2.0,
]
profiles.dotted.steps = 5
profiles.inline = { base = "draft", cache = { kind = "taylor" } }

[ profiles . fast ]  # a = 1
steps = 3

guidance = 4.5
[profiles."a b"]
[profiles.fast.cache]
kind = "taylor"
[[listed]]
name = "x"
'''
LINES = {
    ("profile",): 3,
    ("out",): 4,
    ("model",): 8,
    ("ratios",): 10,
    ("profiles",): 14,
    ("profiles", "dotted"): 14,
    ("profiles", "dotted", "steps"): 14,
    ("profiles", "inline"): 15,
    ("profiles", "inline", "base"): 15,
    ("profiles", "inline", "cache"): 15,
    ("profiles", "inline", "cache", "kind"): 15,
    ("profiles", "fast"): 17,
    ("profiles", "fast", "steps"): 18,
    ("profiles", "fast", "guidance"): 20,
    ("profiles", "a b"): 21,
    ("profiles", "fast", "cache"): 22,
    ("profiles", "fast", "cache", "kind"): 23,
    ("listed",): 24,
    ("listed", "name"): 25,
}


# Tables in order: [a.b] after a dotted a.c is no TOML, so that the two are not mixed here.
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_key_has_its_line(tmp_path: Path, ends: str) -> None:
    text = HARD.replace("profiles.dotted.steps = 5\n", "\n")
    text = text.replace("profiles.inline = {", "other = {")
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", ends).encode())
    source = read_toml(path)
    assert source is not None
    expected = {
        key: line for key, line in LINES.items() if key[1:2] not in (("dotted",), ("inline",))
    }
    moved = {("other", *key[2:]): 15 for key in LINES if key[1:2] == ("inline",)}
    assert source.lines == {**expected, ("profiles",): 17, **moved}
    assert source.where(("profiles", "fast", "steps")) == f"{path}:18"
    assert source.line(("profiles", "fast", "nowhere")) == 17


def test_dotted_keys_and_inline_tables_have_theirs() -> None:
    text = "\n".join(HARD.split("\n")[13:15])
    found = parse_toml(text, Path("a.toml")).lines
    assert found == {
        key: line - 13
        for key, line in LINES.items()
        if key[1:2] in ((), ("dotted",), ("inline",)) and key[0] == "profiles"
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('profile = "draft"\nout = films\n', 2),
        ("a = 1\na = 2\n", 2),
        ('a = """\nb\n', 2),
        (f"a = 1\nb = {'9' * 5000}\nc = 1\n", 2),
        (f"a = {'[' * 30_000}\n", 1),
        ("a = 1\n\nb = '''" + "\n" * MAX_LINES + "x'''\n", 3),
    ],
)
def test_what_is_no_toml_is_told_with_a_place(text: str, line: int) -> None:
    with pytest.raises(InputError) as told:
        parse_toml(text, Path("a.toml"))
    assert told.value.where == f"a.toml:{line}"


def test_what_is_no_file_of_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    assert read_toml(path) is None
    path.mkdir()
    with pytest.raises(InputError, match="is no file but a folder"):
        read_toml(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is no file but a pipe"):
        read_toml(path)
    path.unlink()
    path.write_bytes(b'a = 1\nb = "\xff"\n')
    with pytest.raises(InputError, match="not UTF-8") as told:
        read_toml(path)
    assert told.value.where == f"{path}:2"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="more than 64,000 bytes"):
        read_toml(path)


def test_many_short_lines_are_read_at_once(tmp_path: Path) -> None:
    text = "\n" * (MAX_BYTES - 10) + "a = 1"
    assert parse_toml(text, tmp_path / "a.toml").lines[("a",)] == MAX_BYTES - 9


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ('profile = "fast"\n\n[profile.fast]\nsteps = 4\n', 3,
         "`profile` stands twice; first in line 1", "own profiles are written [profiles.NAME]"),
        ('profile = "a"\nmodel = "b"\nprofile = "c"\n', 3,
         "`profile` stands twice; first in line 1", "keep one of them"),
        ("[profiles.fast]\nsteps = 1\nsteps = 2", 3,
         "`profiles.fast.steps` stands twice; first in line 2", "keep one of them"),
        ("[profiles.fast]\nsteps = 1\n[profiles.fast]\n", 3,
         "`profiles.fast` stands twice; first in line 1", "keep one of them"),
        ("[profiles.fast]\nsize = 112x64  # small\n", 2,
         "not valid TOML: expected newline or end of document after a statement",
         'put the value between quotes: size = "112x64"'),
        ("models_dir = ~/my models\n", 1, "not valid TOML: invalid value",
         'put the value between quotes: models_dir = "~/my models"'),
        ("profile = \u201cdraft\u201d\n", 1, "not valid TOML: invalid value",
         'put the value between quotes: profile = "draft"'),
        ("steps = 1 2\n", 1,
         "not valid TOML: expected newline or end of document after a statement",
         'a setting reads: profile = "draft"'),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_told_in_our_words(
    text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(InputError) as refused:
        parse_toml(text, Path("a.toml"))
    (problem,) = refused.value.problems
    assert (problem.where, problem.message, problem.hint) == (f"a.toml:{line}", message, hint)
