"""Films and half-made takes from before a model's settings or weights changed.

``earlier/f951d44.tar.gz`` was made by that commit: a small random model, a film, one with two
edits, one made from a draft, one stopped in its second scene and one in its first.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from holocine_cli.app import main
from holocine_core.edit.metadata import read_metadata
from holocine_core.errors import Interrupted
from holocine_core.film.ownership import KEY_TAG, film_key
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import Inspection
from holocine_core.film.reopen import open_film
from holocine_core.model import placement
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.latents import read_latents
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow

ARCHIVE = Path(__file__).parent / "earlier" / "f951d44.tar.gz"
Say = Callable[..., dict[str, Any]]
NEW = {"steps": 3, "sampler": "sde", "shift": 3.0}


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of f951d44, by now the current one."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "earlier"
    monkeypatch.chdir(folder)
    # Its takes were computed in float32, whatever this processor would choose.
    monkeypatch.setattr(placement, "multiplies_bfloat16", lambda: False)
    return folder


@pytest.fixture
def say(earlier: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """A command's JSON document."""

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*words, "--json"]) == code
        return dict(json.loads(capsys.readouterr().out))

    return run


def card(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "model" / "holocine.json").read_text()))


def write_card(folder: Path, value: dict[str, Any]) -> None:
    (folder / "model" / "holocine.json").write_text(json.dumps(value))


def change_settings(folder: Path, *, told: bool = True) -> None:
    """The model's card gets other profiles, and tells what they were."""
    now = card(folder)
    before = {"profiles": now["profiles"]}
    now["profiles"] = {name: {**one, **NEW} for name, one in now["profiles"].items()}
    write_card(folder, {**now, **({"earlier": [before]} if told else {})})


def change_weights(folder: Path, model: str = "model") -> None:
    """The transformer is trained on."""
    from safetensors.torch import load_file, save_file

    path = folder / model / "transformer" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    save_file({name: one * 1.01 for name, one in weights.items()}, path, {"format": "pt"})


def warned(answer: dict[str, Any]) -> str:
    return " ".join(one["message"] for one in answer["warnings"])


def test_films_of_before_are_up_to_date(say: Say) -> None:
    for name in ("plain", "promoted.preview-1", "promoted"):
        before = Path(f"{name}.mp4").read_bytes()
        said: dict[str, Any] = {
            "plain": {},
            "promoted": {"from_draft": 2},
            "promoted.preview-1": {"profile": "draft"},
        }[name]
        request = Request(out=Path(f"{name}.mp4"), **said)
        plan = plan_film(f"{name.split('.')[0]}.yaml", request)
        assert render(plan).up_to_date
        assert Path(f"{name}.mp4").read_bytes() == before


@pytest.mark.parametrize("change", [change_settings, change_weights])
def test_an_unchanged_screenplays_film_stays_and_says_so(
    change: Callable[[Path], None], earlier: Path, say: Say
) -> None:
    before = Path("plain.mp4").read_bytes()
    change(earlier)
    planned = say("plan", "plain.yaml")
    assert planned["target"]["state"] == "up-to-date"
    answer = say("render", "plain.yaml")
    assert answer["up_to_date"]
    assert "it stays as it is" in warned(answer)
    assert Path("plain.mp4").read_bytes() == before
    anew = say("render", "plain.yaml", "--force")
    assert not anew["up_to_date"]
    assert not warned(anew)
    assert Path("plain.mp4").read_bytes() != before
    assert say("render", "plain.yaml")["up_to_date"], "today's film is found by today's plan"


def test_settings_that_a_screenplay_changes_are_no_earlier_ones(earlier: Path, say: Say) -> None:
    change_settings(earlier)
    text = Path("plain.yaml").read_text()
    Path("plain.yaml").write_text(text + "profiles: {standard: {steps: 5}}\n")
    made = say("render", "plain.yaml")
    assert not made["up_to_date"]
    assert say("inspect", "plain.mp4")["provenance"]["takes"][0]["sampling"]["steps"] == 5
    assert [one["version"] for one in say("versions", "plain.mp4")["versions"]] == [1, 2]


@pytest.mark.parametrize("odd", ["[]", "{}", '{"screenplay": 3}', '{"takes": []}', "7"])
def test_a_film_that_says_odd_things_of_itself_is_another_film(
    odd: str, earlier: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(earlier, told=False)
    Path("plain.mp4.json").unlink()
    strange = Inspection(path=Path("plain.mp4"), provenance=json.loads(odd), chapters=())
    monkeypatch.setattr("holocine_core.film.provenance.inspect", lambda path: strange)
    refused = say("render", "plain.yaml", code=2)
    assert "is another film" in refused["error"]["message"]


def latents(folder: Path, film: str, scene: str) -> torch.Tensor:
    vault = Vault(folder / ".holocine" / film)
    (found,) = [e for e in vault.entries("latents") if e.sidecar["scene"] == scene]
    return read_latents(found.path)


@pytest.mark.parametrize("name", ["half", "halfdraft"])
def test_half_made_takes_go_on_as_they_began(name: str, earlier: Path, say: Say) -> None:
    change_settings(earlier)
    planned = say("plan", f"{name}.yaml")
    assert [take["step"] for take in planned["takes"]] == {"half": [6, 3], "halfdraft": [3, 0]}[
        name
    ]
    answer = say("render", f"{name}.yaml")
    assert "goes on with them" in warned(answer)
    for scene in ("storm", "dawn"):
        torch.testing.assert_close(
            latents(earlier, name, scene), latents(earlier, "plain", scene), atol=1e-4, rtol=1e-4
        )
    assert say("render", f"{name}.yaml")["up_to_date"]


def test_force_begins_anew(earlier: Path, say: Say) -> None:
    change_settings(earlier)
    planned = say("plan", "half.yaml", "--force")
    assert [(take["step"], take["state"]) for take in planned["takes"]] == [
        (0, "changed"),
        (0, "new"),
    ]
    assert planned["takes"][0]["sampling"]["sampler"] == "sde"
    say("render", "half.yaml", "--force")
    assert say("plan", "half.yaml")["takes"][0]["sampling"]["sampler"] == "sde"


def test_a_stopped_take_tells_what_it_was_begun_with(earlier: Path, say: Say) -> None:
    """Without a card that lists what it was."""
    text = Path("plain.yaml").read_text().replace("seed: 5", "seed: 6")
    Path("fresh.yaml").write_text(text)
    listener = Listener(stop_after=3)
    with pytest.raises(Interrupted):
        render(plan_film("fresh.yaml"), listener, should_stop=listener.should_stop)
    Path("whole.yaml").write_text(text)
    say("render", "whole.yaml")
    change_settings(earlier, told=False)
    answer = say("render", "fresh.yaml")
    assert "settings (steps 6, now 3" in warned(answer)
    assert torch.equal(latents(earlier, "fresh", "storm"), latents(earlier, "whole", "storm"))


def stopped(name: str, steps: int) -> None:
    """A screenplay's film that is stopped before this step of its first scene, or of the next."""
    listener = Listener(stop_after=steps)
    with pytest.raises(Interrupted):
        render(plan_film(f"{name}.yaml"), listener, should_stop=listener.should_stop)


@pytest.mark.parametrize("steps", [3, 9])
def test_half_made_takes_of_other_weights_name_them(steps: int, earlier: Path, say: Say) -> None:
    text = Path("plain.yaml").read_text().replace("seed: 5", "seed: 6")
    Path("fresh.yaml").write_text(text)
    stopped("fresh", steps)
    hashes = say("inspect", "plain.mp4")["provenance"]["model"]["files"]
    change_weights(earlier)
    failed = say("render", "fresh.yaml", code=3)
    assert f"transformer {hashes['transformer'][:12]}" in failed["error"]["message"]
    assert "'dawn'" in failed["error"]["message"]
    assert "--force" in failed["error"]["hint"]
    assert [take["state"] for take in failed["takes"]] == ["waiting", "waiting"]
    say("render", "fresh.yaml", "--force")


def test_a_finished_film_that_is_changed_after_its_weights_were_is_made_anew(
    earlier: Path, say: Say
) -> None:
    text = Path("plain.yaml").read_text().replace("seed: 5", "seed: 6")
    Path("fresh.yaml").write_text(text)
    say("render", "fresh.yaml")
    change_weights(earlier)
    Path("fresh.yaml").write_text(text.replace("smiles", "waves"))
    planned = say("plan", "fresh.yaml", "-o", "other.mp4")
    assert [take["state"] for take in planned["takes"]] == ["changed", "changed"]
    assert not planned["obstacles"]


def test_another_models_takes_are_not_this_ones(earlier: Path, say: Say) -> None:
    """Two models film one screenplay in one work folder."""
    text = Path("plain.yaml").read_text().replace("seed: 5", "seed: 6")
    Path("fresh.yaml").write_text(text)
    say("render", "fresh.yaml")
    shutil.copytree("model", "other")
    change_weights(earlier, "other")
    planned = say("plan", "fresh.yaml", "--model", "./other", "-o", "b.mp4")
    assert [take["state"] for take in planned["takes"]] == ["changed", "changed"]
    say("render", "fresh.yaml", "--model", "./other", "-o", "b.mp4")
    made = [say("inspect", film)["provenance"] for film in ("fresh.mp4", "b.mp4")]
    assert made[0]["model"]["files"] != made[1]["model"]["files"]
    assert made[0]["takes"][0]["fingerprint"] != made[1]["takes"][0]["fingerprint"]


def test_a_damaged_take_of_weights_that_are_gone_is_not_made_by_others(
    earlier: Path, say: Say
) -> None:
    change_weights(earlier)
    work = earlier / ".holocine" / "plain"
    damaged = [*work.glob("negatives/*.safetensors"), *work.glob("clips/*.mp4")]
    for path in (*damaged, Path("plain.mp4")):
        whole = bytearray(path.read_bytes())
        whole[-40] ^= 1
        path.write_bytes(whole)
    failed = say("render", "plain.yaml", code=3)
    assert "needs weights of tiny that the film was begun with" in failed["error"]["message"]


def test_films_that_are_there_need_no_weights_in_a_batch_either(earlier: Path, say: Say) -> None:
    change_weights(earlier)
    shutil.rmtree(earlier / ".holocine" / "plain")
    text = Path("plain.yaml").read_text().replace("Plain", "Second")
    Path("second.yaml").write_text(text)
    answer = say("render", "plain.yaml", "second.yaml")
    assert [film["up_to_date"] for film in answer["films"]] == [True, False]
    assert say("plan", "plain.yaml")["obstacles"] == []


def test_the_same_said_otherwise_is_the_same_film(earlier: Path, say: Say) -> None:
    change_settings(earlier, told=False)
    shutil.rmtree(earlier / ".holocine" / "plain")
    for words in (["--seed", "5"], ["--model", "model"], ["--profile", "standard"]):
        assert say("render", "plain.yaml", *words)["up_to_date"]
    assert (
        "is another film" in say("render", "plain.yaml", "--seed", "6", code=2)["error"]["message"]
    )


def test_a_draft_that_nobody_tells_of_is_found_by_the_card(earlier: Path, say: Say) -> None:
    change_settings(earlier)
    shutil.rmtree(earlier / ".holocine" / "promoted")
    assert say("render", "promoted.yaml", "--from-draft", "2")["up_to_date"]
    assert open_film(Path("promoted.mp4"))[1].takes[0].upscaled is not None


def test_force_keeps_the_draft_that_was_chosen(earlier: Path, say: Say) -> None:
    change_settings(earlier)
    say("render", "promoted.yaml", "--from-draft", "1", "--force")
    take = say("inspect", "promoted.mp4")["provenance"]["takes"][0]
    assert take["sampling"]["sampler"] == "sde"
    assert take["draft"]["sampling"]["sampler"] == "unipc"


def test_force_gets_past_a_draft_of_weights_that_are_gone(earlier: Path, say: Say) -> None:
    text = Path("promoted.yaml").read_text().replace("seed: 5", "seed: 6")
    Path("fresh.yaml").write_text(text)
    say("preview", "fresh.yaml")
    change_weights(earlier)
    named = say("render", "fresh.yaml", "--from-draft", "1", code=3)
    assert "that are not here any more" in named["error"]["message"]
    say("render", "fresh.yaml", "--from-draft", "1", "--force")


def test_what_earlier_settings_refuse_is_no_candidate(earlier: Path, say: Say) -> None:
    """Today's card is sde, what it was is not: the screenplay's `eta` is of today's."""
    change_settings(earlier)
    text = Path("plain.yaml").read_text()
    Path("noisy.yaml").write_text(text + "profiles: {standard: {eta: 0.5}}\n")
    assert say("plan", "noisy.yaml")["takes"][0]["sampling"]["eta"] == 0.5
    say("check", "noisy.yaml")


def test_an_eta_of_before_is_edited_after_the_card_left_sde(earlier: Path, say: Say) -> None:
    was = card(earlier)
    change_settings(earlier)
    text = Path("plain.yaml").read_text()
    Path("noisy.yaml").write_text(text + "profiles: {standard: {eta: 0.5}}\n")
    say("render", "noisy.yaml")
    write_card(earlier, was)
    say("reshoot", "noisy.mp4", "--shot", "storm:1")
    sampling = say("inspect", "noisy.mp4")["provenance"]["takes"][0]["sampling"]
    assert (sampling["sampler"], sampling["eta"]) == ("sde", 0.5)


def test_missing_files_are_no_earlier_weights(earlier: Path, say: Say) -> None:
    (earlier / "model" / "transformer_2" / "diffusion_pytorch_model.safetensors").unlink()
    answer = say("render", "plain.yaml")
    assert answer["up_to_date"]
    assert "weights" not in warned(answer)


@pytest.mark.parametrize(
    "odd",
    [
        {"scene": ["storm"]},
        {"made": 3},
        {"made": None},
        {"made": {"model": "x", "files": 3}},
        {"ingredients": []},
        {"ingredients": {"model": None}},
    ],
    ids=str,
)
def test_odd_sidecars_are_passed_over(odd: dict[str, Any], earlier: Path, say: Say) -> None:
    change_settings(earlier)
    vault = Vault(earlier / ".holocine" / "half")
    for kind in ("latents", "progress"):
        for entry in vault.entries(kind):  # type: ignore[arg-type]
            sidecar = entry.path.with_suffix(".json")
            sidecar.write_text(json.dumps({**entry.sidecar, **odd}))
    say("plan", "half.yaml")


@pytest.mark.parametrize("change", [change_settings, change_weights])
def test_edited_films_open_and_their_versions_come_back(
    change: Callable[[Path], None], earlier: Path, say: Say
) -> None:
    now = Path("edited.mp4").read_bytes()
    change(earlier)
    assert [one["current"] for one in say("takes", "edited.mp4")["versions"]] == [
        False,
        False,
        True,
    ]
    say("takes", "edited.mp4", "--pick", "1")
    assert Path("edited.mp4").read_bytes() != now
    say("takes", "edited.mp4", "--pick", "3")
    assert read_metadata(Path("edited.mp4")).tags[KEY_TAG] == film_key(
        open_film(Path("edited.mp4"))[1]
    )


def test_a_reshoot_is_sampled_as_its_film_was(earlier: Path, say: Say) -> None:
    change_settings(earlier)
    answer = say("reshoot", "edited.mp4", "--shot", "storm:2")
    assert answer["changed_frames"] == [[9, 17]]
    _, plan = open_film(Path("edited.mp4"))
    assert {take.sampling.sampler for take in plan.takes} == {"unipc"}
    assert {take.sampling.steps for take in plan.takes} == {6}
    say("extend", "plain.mp4", "--add", "more.yaml")


def test_a_film_made_from_a_draft_is_edited_after_both_profiles_changed(
    earlier: Path, say: Say
) -> None:
    change_settings(earlier)
    say("reshoot", "promoted.mp4", "--shot", "storm:2")
    _, plan = open_film(Path("promoted.mp4"))
    (upscaled,) = [one for one in plan.takes[0].chain() if one.upscaled is not None]
    assert upscaled.upscaled is not None
    assert upscaled.upscaled.base.sampling.steps == 2
    assert upscaled.upscaled.base.sampling.sampler == "unipc"
    found = say("inspect", "promoted.mp4")["provenance"]["takes"][0]["draft"]
    assert found["sampling"]["steps"] == 2, "the film itself tells it from now on"


def test_the_chosen_draft_is_what_the_film_is_made_from(earlier: Path, say: Say) -> None:
    """Drafts of earlier settings, and a film of them that was not begun yet."""
    Path("promoted.mp4").unlink()
    Path("promoted.mp4.json").unlink()
    vault = Vault(earlier / ".holocine" / "promoted")
    for take in plan_film("promoted.yaml", Request(from_draft=2)).takes:
        vault.drop("latents", take.latents_key)
        vault.drop("clips", take.clip_key)
    change_settings(earlier)
    plan = plan_film("promoted.yaml", Request(from_draft=2))
    assert plan.takes[0].sampling.sampler == "sde", "what is made from it is today's"
    assert plan.takes[0].upscaled is not None
    base = plan.takes[0].upscaled.base
    assert (base.state, base.sampling.sampler) == ("reuse", "unipc")
    render(plan)
    assert render(plan_film("promoted.yaml", Request(from_draft=2))).up_to_date


def test_reshoot_of_other_weights_is_a_machines_fault(earlier: Path, say: Say) -> None:
    change_weights(earlier)
    before = Path("edited.mp4").read_bytes()
    failed = say("reshoot", "edited.mp4", "--shot", "storm:1", code=3)
    assert "weights of tiny that the film was begun with" in failed["error"]["message"]
    assert Path("edited.mp4").read_bytes() == before


def test_a_film_of_a_newer_way_of_sampling_is_refused_by_name(earlier: Path) -> None:
    from holocine_core.errors import InputError
    from holocine_core.plan.before import recorded_sampling

    found, _ = open_film(Path("plain.mp4"))
    made = json.loads(json.dumps(dict(found.provenance)))
    for name, value in {"wings": 2, "sampler": "wave", "steps": "six", "eta": 0.5}.items():
        odd = json.loads(json.dumps(made))
        odd["takes"][0]["sampling"][name] = value
        with pytest.raises(InputError, match=name):
            recorded_sampling(odd, Vault(earlier))
