"""LoRAs under a shot and under a profile: part of the take, refused by name and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from holocine_core.errors import InputError, RenderError
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import inspect
from holocine_core.model.spec import MODELS
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.store.vault import Vault
from tests.conftest import Write

pytestmark = pytest.mark.slow

SCENE = """
seed: 5
profiles: {{standard: {{size: 32x32, steps: 2, guidance: 1}}}}
global: A cliff.
frames: 33
cuts: [9, 21]
shots:
  - Wide shot of the cliff.
  - prompt: Rain.
    {lora}
  - The cliff again.
"""


def planned(write: Write, lora: str = "") -> Plan:
    path = write(SCENE.format(lora=lora))
    return plan_film(path, Request(out=path.with_name("film.mp4")))


def strong(path: Path) -> Path:
    """A LoRA that turns the last layer of the model upside down."""
    shape = MODELS["nano"].shape
    generator = torch.Generator().manual_seed(0)
    stem = f"transformer.blocks.{shape.layers - 1}.ffn.net.2"
    save_file(
        {
            f"{stem}.lora_A.weight": torch.randn(4, shape.ffn, generator=generator) * 0.1,
            f"{stem}.lora_B.weight": torch.randn(shape.width, 4, generator=generator),
        },
        path,
    )
    return path


def test_only_its_shot_takes_it(write: Write, tmp_path: Path) -> None:
    strong(tmp_path / "a.safetensors")
    plain, plan = planned(write), planned(write, "lora: [a.safetensors]")
    assert plan.takes[0].latents_key != plain.takes[0].latents_key
    assert [one.shots for one in plan.takes[0].loras] == [(1,)]
    a, b = (Generator(one).denoise(one.takes[0]) for one in (plain, plan))
    moved = [float((a[:, :, s] - b[:, :, s]).square().mean()) for s in shots(plan)]
    assert moved[1] > 10 * max(moved[0], moved[2])


def shots(plan: Plan) -> list[slice]:
    return [slice(s.start, s.stop) for s in plan.takes[0].timeline.latent_spans]


def test_a_film_tells_which_shot_took_it(write: Write, tmp_path: Path) -> None:
    strong(tmp_path / "a.safetensors")
    plan = planned(write, "lora: [{file: a.safetensors, weight: 0.5}]")
    render(plan)
    (told,) = inspect(plan.out).provenance["takes"][0]["lora"]
    assert (told["file"], told["weight"], told["shots"]) == ("a.safetensors", 0.5, [2])
    assert plan_film(plan.screenplay_path, Request(out=plan.out)).takes[0].state == "reuse"
    strong(tmp_path / "a.safetensors")
    weaker = planned(write, "lora: [{file: a.safetensors, weight: 0.4}]")
    assert weaker.takes[0].state == "changed"
    assert "the LoRAs of its shots changed" in weaker.takes[0].reason


@pytest.mark.parametrize(
    ("lora", "message"),
    [
        ("lora: [b.safetensors]", "does not exist"),
        ("lora: [a.safetensors, a.safetensors]", "given twice"),
        ("lora: [{file: a.safetensors, weight: 11}]", "less than or equal to 10"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    write: Write, tmp_path: Path, lora: str, message: str
) -> None:
    strong(tmp_path / "a.safetensors")
    with pytest.raises(InputError) as caught:
        planned(write, lora)
    (problem,) = caught.value.problems
    assert message in f"{problem.message} {problem.hint}"
    assert "film.yaml:9:" in str(problem.where)


def test_a_profile_has_loras_of_its_own(write: Write, tmp_path: Path) -> None:
    strong(tmp_path / "a.safetensors")
    path = write(
        """
        frames: 9
        lora: [a.safetensors]
        profiles:
          draft:
            size: 32x32
            steps: 1
            lora: [{file: b.safetensors, weight: 0.5}]
          standard: {size: 32x32, steps: 3}
        shots: [A cliff.]
        """
    )
    out = tmp_path / "film.mp4"
    assert [lora.path.name for lora in plan_film(path, Request(out=out)).loras] == ["a.safetensors"]
    with pytest.raises(InputError) as caught:
        plan_film(path, Request(out=out, profile="draft"))
    assert "film.yaml:7:" in str(caught.value.problems[0].where)
    (tmp_path / "b.safetensors").write_bytes(strong(tmp_path / "a.safetensors").read_bytes())
    draft = plan_film(path, Request(out=tmp_path / "draft.mp4", profile="draft"))
    assert [lora.weight for lora in draft.loras] == [1.0, 0.5]
    with pytest.raises(InputError, match="not in the work folder") as missing:
        plan_film(path, Request(out=out, from_draft=1))
    assert "holocine preview" in missing.value.hint
    render(draft)
    plan = plan_film(path, Request(out=out, from_draft=1))
    assert [lora.weight for lora in plan.loras] == [1.0]
    vault = Vault(plan.work)
    vault.drop("latents", draft.takes[0].latents_key)
    with pytest.raises(RenderError, match="no longer in the work folder"):
        render(plan)
    assert vault.find("latents", draft.takes[0].latents_key) is None, "not made by this network"
    vault.drop("clips", draft.takes[0].clip_key)
    draft.out.unlink()
    render(draft)
    render(plan)
    vault.drop("latents", draft.takes[0].latents_key)
    assert plan_film(path, Request(out=out, from_draft=1)).takes[0].state == "reuse", "it is shot"
