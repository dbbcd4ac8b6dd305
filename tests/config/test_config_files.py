"""What a holocine.toml may say: keys, values, own profiles, and no path out of a project."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from holocine_core.api import configuration, configured, user_config
from holocine_core.config.files import read_config
from holocine_core.config.keys import KEYS
from holocine_core.errors import InputError
from holocine_core.request import Request

WRONG = """\
proflie = "draft"
out = "one.mp4"
device = "gpu"
memory = 3
work = " "
models-dir = "models"
steps = 4
profile = ["draft"]
[profiles.fast]
base = "quick"
stepz = 3
guidance = 99
[profiles.Draft]
steps = 2
[profiles.fast.cache]
kind = "mag"
"""
SAID = [
    (1, "unknown key `proflie`", "did you mean `profile`?"),
    (2, "'one.mp4' names one film", "name their folder, or all of them"),
    (3, "there is no device 'gpu'", "choose auto, cpu"),
    (4, "`memory` is a number", 'memory = "..."'),
    (5, "`work` is empty", 'work = "..."'),
    (6, "unknown key `models-dir`", "did you mean `models_dir`?"),
    (7, "unknown key `steps`", "write it below [profiles.NAME]"),
    (8, "`profile` is a list", 'profile = "..."'),
    (10, "'quick' is no `base`", "it must be 'draft', 'standard' or 'final'"),
    (11, "unknown setting `stepz` of the profile `fast`", "did you mean `steps`?"),
    (12, "99 is no `guidance`", "it must be less than or equal to 30"),
    (13, "'Draft' is every model's own profile", "rename it"),
    (15, "a cache of kind mag needs `ratios`", ""),
]


def say(folder: Path, text: str) -> Path:
    path = folder / "holocine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_fault_of_a_file_has_its_line_and_what_to_do(tmp_path: Path) -> None:
    path = say(tmp_path, WRONG)
    with pytest.raises(InputError) as told:
        read_config(path, project=False)
    found = [(one.where, one.message, one.hint) for one in told.value.problems]
    assert [where for where, _, _ in found] == [f"{path}:{line}" for line, _, _ in SAID]
    for (_, message, hint), (_, words, remedy) in zip(found, SAID, strict=True):
        assert words in message
        assert remedy in hint
    with pytest.raises(InputError) as told:
        read_config(say(tmp_path, "[profile.fast]\nsteps = 3\n"), project=False)
    assert told.value.hint == "own profiles are written [profiles.NAME]"


@pytest.mark.parametrize("key", ["out", "work", "models_dir", "model"])
@pytest.mark.parametrize(
    "named", ["{root}/other", "../other", "in/../../other", "~/other", "link/x"]
)
def test_a_project_names_no_path_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, named: str
) -> None:
    folder, text = tmp_path / "film", named.format(root=tmp_path)
    folder.mkdir()
    (tmp_path / "other").mkdir()
    (folder / "link").symlink_to(tmp_path / "other")
    said = say(folder, f'# ours\n{key} = "{text}"\n')
    with pytest.raises(InputError, match=f"`{key}` (is|leads to) ") as told:
        configured(folder / "a.yaml")
    assert told.value.where == f"{said}:2"
    # A user's own file names whatever it likes.
    monkeypatch.setenv("HOLOCINE_CONFIG", str(said.rename(tmp_path / "own.toml")))
    assert getattr(configuration(folder / "a.yaml"), key)
    assert configured(folder / "a.yaml")


@pytest.mark.parametrize("text", ["{folder}", "{folder}/{stem}.mp4", "x/{stem}/y.mp4"])
@pytest.mark.parametrize("name", ["../a.yaml", "...yaml", "b/../../a.yaml"])
def test_no_screenplays_name_leads_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    """Fields of a template are filled by others' files as well."""
    inside = tmp_path / "film" / "b"
    (inside / "b").mkdir(parents=True)
    monkeypatch.chdir(inside)
    folder = Path(name).parent.resolve()
    say(Path(name).parent, f'out = "{text}"\nwork = "{text}"\n')
    Path(name).write_text("title: .\n")
    found = configured(name)
    for path in filter(None, (found.out, found.work)):
        assert folder in path.resolve().parents


def test_a_link_beside_the_screenplay_is_no_way_out_for_a_models_name(tmp_path: Path) -> None:
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "mine").symlink_to(tmp_path)
    say(tmp_path / "film", 'model = "mine"\n')
    with pytest.raises(InputError, match="`model` leads to"):
        configuration(tmp_path / "film" / "a.yaml")


def test_paths_are_of_the_projects_folder_and_of_the_users_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p", "mine").mkdir(parents=True)
    say(Path("p"), 'out = "films"\nwork = "{stem}/w"\nmodels_dir = "m"\nmodel = "mine"\n')
    found = configured("p/a.yaml")
    assert (found.out, found.work) == (Path("p/films/a.mp4"), Path("p/a/w"))
    assert (found.models_dir, found.fallback.model) == (Path("p/m"), str(tmp_path / "p" / "mine"))
    own = say(tmp_path, 'out = "films"\nwork = "~/w"\nmodel = "./mine"\n')
    monkeypatch.setenv("HOLOCINE_CONFIG", str(own))
    monkeypatch.setenv("HOME", "/home/someone")
    found = configured("q/a.yaml")
    assert (found.out, found.work) == (Path("films/a.mp4"), Path("/home/someone/w/a"))
    assert found.fallback.model == str(tmp_path / "mine")


def test_where_the_users_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_config() is None  # As tests have it.
    monkeypatch.delenv("HOLOCINE_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert user_config() == tmp_path / ".config/holocine/holocine.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    own = tmp_path / "xdg/holocine/holocine.toml"
    assert user_config() == own
    own.parent.mkdir(parents=True)
    own.write_text('device = "cpu"\n')
    found = configuration(tmp_path / "a.yaml")
    assert found.told_by == {"device": "~/xdg/holocine/holocine.toml:1"}
    assert configuration(own.with_name("a.yaml")).device == "cpu"  # It is no project's there.
    monkeypatch.setenv("HOLOCINE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(InputError, match="HOLOCINE_CONFIG names a file that is not there"):
        configuration(tmp_path / "a.yaml")


def test_own_profiles_come_from_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[profiles.fast]\nsteps = 9\n[profiles.slow]\nbase = "final"\n')
    monkeypatch.setenv("HOLOCINE_CONFIG", str(own))
    say(tmp_path, 'profile = "slow"\n[profiles.fast]\nsteps = 2\n')
    found = configured(tmp_path / "a.yaml")
    assert {name: one.changes() for name, one in found.profiles.items()} == {
        "fast": {"steps": 2},
        "slow": {},
    }
    assert found.fallback.profile == "slow"
    say(tmp_path, 'profile = "slwo"\n')
    with pytest.raises(InputError, match="there is no profile 'slwo'") as told:
        configured(tmp_path / "a.yaml", Request(profile="draft"))
    assert told.value.where == f"{tmp_path / 'holocine.toml'}:1"
    assert "did you mean 'slow'?" in told.value.hint


def test_the_page_tells_every_key_and_its_examples_are_files(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    for key in KEYS.values():
        assert f"| `{key.name}` | `{key.variable}` |" in page
    examples = re.findall(r"```toml\n(.*?)```", page, re.S)
    project, own = (
        read_config(say(tmp_path, text), project=text is examples[0]) for text in examples
    )
    assert {**project.settings, **own.settings}.keys() == KEYS.keys()
    assert {**project.profiles, **own.profiles}.keys() == {"fast", "long"}


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("out", "~nobody-of-that-name/x", "in no home"),
        ("models_dir", "~nobody-of-that-name", "in no home"),
        ("model", "~nobody-of-that-name/m", "in no home"),
        ("out", "a\\u0000b", "can't be printed"),
        ("model", "a\\nb", "can't be printed"),
        ("work", "{stem", ""),
        ("out", "{stem!r}", "no name for films"),
        ("out", "{0}", ""),
        ("model", "x" * 5000, ""),
        ("out", "round/x", ""),
        ("models_dir", "x" * 5000, ""),
    ],
)
def test_what_no_path_can_be_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str, told: str
) -> None:
    (tmp_path / "round").symlink_to("round")
    for folder in ("project", "own"):
        said = say(tmp_path, f'{key} = "{text}"\n')
        if folder == "own":
            said = said.rename(tmp_path / "own.toml")
            monkeypatch.setenv("HOLOCINE_CONFIG", str(said))
        found = fault(tmp_path)
        assert (found is None) == (not told)
        if found is not None:
            assert found.where == f"{said}:1"
            assert told in found.message or folder == "project"


def fault(folder: Path) -> InputError | None:
    try:
        configured(folder / "a.yaml")
    except InputError as error:
        return error
    return None


def test_no_altered_file_ends_in_anything_but_a_line(tmp_path: Path) -> None:
    base = (
        'profile = "fast"\nout = "films/{stem}"\nwork = "w"\nmodels_dir = "m"\nmodel = "./x"\n'
        'device = "cpu"\nmemory = "swap"\n[profiles.fast]\nbase = "draft"\nsteps = 4\n'
        'guidance = 2.5\ncache = {kind = "mag", threshold = 0.1, ratios = [1.0]}\n'
    )
    chance, ended = random.Random(7), Counter[str]()
    pieces = [*"\"'[]{}=.\n#~/\\e\0", "..", "9" * 400]
    for _ in range(400):
        at, length = chance.randrange(len(base)), chance.choice((0, 0, 1, 5))
        say(tmp_path, base[:at] + chance.choice(pieces) + base[at + length :])
        found = fault(tmp_path)
        ended["taken" if found is None else "told"] += 1
        for one in () if found is None else found.problems:
            assert re.search(r"holocine\.toml:\d+$", one.where)
    assert ended["taken"] > 20
    assert ended["told"] > 200
