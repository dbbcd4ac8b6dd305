"""A call's word goes before the screenplay's, that before a variable's, before the project's file,
before the user's; and nothing of it reaches those who do not ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.config.keys import KEYS
from holocine_core.errors import InputError
from holocine_core.request import Request

SAID = {
    "profile": ("final", "standard", "draft", "ours", "mine"),
    "model": ("nano", "m1", "m2", "m3", "m4"),
    "out": ("a.mp4", "", "v/a.mp4", "p/a.mp4", "u/a.mp4"),
    "work": ("w", "", "v/a", "p/a", "u/a"),
    "models_dir": ("m", "", "v", "p", "u"),
    "device": ("cuda:3", "", "cpu", "cuda", "cuda:1"),
    "memory": ("swap", "", "fp8", "group", "resident"),
}
"""By key: as it holds where a call, the screenplay, a variable, a project or a user says it."""
WRITTEN = {"out": ("v", "p", "u"), "work": ("v", "p/{stem}", "u")}
OWN = '\n[profiles.mine]\nbase = "draft"\n[profiles.ours]\nbase = "draft"\n'


@pytest.mark.parametrize("key", KEYS)
def test_who_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.chdir(tmp_path)
    call, written, *rest = SAID[key]
    variable, project, user = WRITTEN.get(key, rest)
    own, ours = tmp_path / "own.toml", tmp_path / "holocine.toml"
    own.write_text(f'{key} = "{user}"{OWN}')
    ours.write_text(f'\n{key} = "{project}"\n')
    monkeypatch.setenv("HOLOCINE_CONFIG", str(own))
    monkeypatch.setenv(KEYS[key].variable, variable)
    path, profiles = Path("a.yaml"), api.configuration("a.yaml").profiles
    data = {key: written} if written else {}

    def held(request: Request = Request()) -> tuple[str | None, str | None]:
        got = api.configured(path, request).beside(data)
        value = getattr(got, key)
        return None if value is None else str(value), got.told_by.get(key)

    asked: Request = Request(profiles=profiles, **{key: call})  # type: ignore[arg-type]
    assert held(asked) == (call, None)
    if written:
        assert held() == (None, None)
        data = {}
    assert held() == (rest[0], KEYS[key].variable)
    monkeypatch.setenv(KEYS[key].variable, "")
    assert held() == (rest[1], "holocine.toml:2")
    ours.write_text("")
    assert held() == (rest[2], f"{own}:1")
    monkeypatch.setenv("HOLOCINE_CONFIG", "")
    usual = getattr(Request(), key)
    assert held() == (usual, None)


def test_a_word_of_the_call_holds_though_it_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "holocine.toml").write_text('device = "cuda:1"\nmemory = "swap"\n')
    found = api.configured(tmp_path / "a.yaml", Request(settled=frozenset({"device"})))
    assert (found.device, found.memory) == ("auto", "swap")
    assert found.told_by == {"memory": f"{tmp_path / 'holocine.toml'}:2"}


def test_nobody_else_asks(small: Path) -> None:
    """A plan of Python's own is what its request says, whatever lies beside the screenplay."""
    (small.parent / "holocine.toml").write_text('profile = "draft"\nwork = "w"\n')
    plan = api.plan(small)
    assert (plan.profile, plan.work, plan.told_by) == ("standard", Path(".holocine/film"), {})
    plan = api.plan(small, api.configured(small))
    place = f"{small.parent / 'holocine.toml'}"
    assert (plan.profile, plan.work) == ("draft", small.parent / "w" / "film")
    assert plan.told_by == {"profile": f"{place}:1", "work": f"{place}:2"}
    assert plan.options == {"profile": "draft"}  # As if it had been asked for.


def test_a_model_that_is_none_is_told_with_who_said_it(small: Path) -> None:
    place = small.parent / "holocine.toml"
    place.write_text('# ours\nmodel = "nanno"\n')
    with pytest.raises(InputError, match="there is no model 'nanno'") as told:
        api.plan(small, api.configured(small))
    assert told.value.where == f"{place}:2"
    small.write_text(f"profile: final\nmodel: nano\n{small.read_text()}")
    plan = api.plan(small, api.configured(small))
    assert (plan.profile, plan.options, plan.told_by) == ("final", {}, {})
