from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import InputError
from holocine_core.film.finish import stitch_job
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import provenance, take_record
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.placement import Placement
from holocine_core.plan.state import begun_in, begun_otherwise, difference, with_state
from holocine_core.plan.values import Plan, Take
from holocine_core.request import Request
from holocine_core.store.vault import Vault
from tests.conftest import SMALL, Write, expected_frames


def planned(path: Path, tmp_path: Path, **options: Any) -> Plan:
    return plan_film(path, Request(out=tmp_path / "film.mp4", **options))


def refused(path: Path, tmp_path: Path, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        planned(path, tmp_path, **options)
    return [f"{p.where}: {p.message} ({p.hint})" for p in caught.value.problems]


def test_cuts_show_asked_and_got(small: Path, tmp_path: Path) -> None:
    storm = planned(small, tmp_path).takes[0]
    record = take_record(storm)
    assert record["cuts"] == [{"asked": 7.0, "got": 9}]
    assert [shot["frames"] for shot in record["shots"]] == [[0, 9], [9, 17]]


def test_planning_needs_no_torch(small: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from holocine_core.film.planning import plan_film; "
        "from holocine_core.request import Request; "
        f"plan_film({str(small)!r}, Request(out={str(tmp_path / 'x.mp4')!r})); "
        "sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


CHANGES = [
    ("seed: 5", "seed: 6"),
    ("style: Cut paper.", "style: Ink."),
    ("a keeper in a yellow coat", "a keeper in a red coat"),
    ("cuts: [7]", "cuts: [13]"),
    ("frames: 17", "frames: 21"),
    ("steps: 7", "steps: 8"),
    ("guidance: 2", "guidance: 3"),
    ("guidance: 2", "guidance: 2, guidance_stop: 0.5"),
    ("size: 32x32", "size: 48x32"),
    ('"{mara} turns."', '"{mara} runs."'),
    ("title: Small", "title: Small\nnegative: blurry"),
    ("title: Small", "title: Small\ntext: per-shot"),
    ("title: Small", "title: Small\nattention: full"),
    ("steps: 7", "steps: 7, sampler: unipc"),
    ("steps: 7", "steps: 7, shift: 3"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_what_changes_the_picture_changes_the_fingerprint(
    old: str, new: str, small: Path, tmp_path: Path, write: Write
) -> None:
    before = planned(small, tmp_path).takes[0]
    assert old in SMALL
    after = planned(write(SMALL.replace(old, new), "other.yaml"), tmp_path).takes[0]
    assert after.latents_key != before.latents_key
    said = difference(json.loads(json.dumps(before.ingredients)), after.ingredients)
    assert said
    assert "format" not in said[0]


SAME = [
    ("title: Small", "title: Other"),
    ("id: storm", "id: gale"),
    ("seconds: 0.2", "seconds: 0.3"),
    ("title: Small", "title: Small\ndeliver: {fps: 24}"),
    ("cuts: [7]", "cuts: [8]"),
    ("title: Small", "title: Small\nvideo: {quality: 30}"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_what_leaves_the_picture_leaves_the_fingerprint(
    old: str, new: str, small: Path, tmp_path: Path, write: Write
) -> None:
    before = planned(small, tmp_path).takes[0]
    after = planned(write(SMALL.replace(old, new), "other.yaml"), tmp_path).takes[0]
    assert after.latents_key == before.latents_key


def test_a_take_without_guidance_does_not_depend_on_the_negative(
    write: Write, tmp_path: Path
) -> None:
    text = SMALL.replace("guidance: 2", "guidance: 1")
    keys = [
        planned(write(f"negative: {word}\n{text}", f"{word}.yaml"), tmp_path).takes[0].latents_key
        for word in ("grey", "dull")
    ]
    assert keys[0] == keys[1]


def test_all_problems_of_shape_timing_and_size_at_once(write: Write, tmp_path: Path) -> None:
    said = refused(
        write("""
            titel: x
            size: 33x32
            scenes:
              - frames: 17
                cuts: [3, 4]
                shots: [a, b, c]
              - frames: 9
                sound: none.wav
                shots: ["{bob} waits."]
        """),
        tmp_path,
    )
    expected = ["titel", "33x32", "collide", "no sound file", "{bob}"]
    assert [any(word in line for line in said) for word in expected] == [True] * 5
    lines = [int(re.search(r"yaml:(\d+):", line)[1]) for line in said]  # type: ignore[index]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ("codec: prores, quality: 3", "prores takes none"),
        ("quality: 52", "h264 takes 0 to 51"),
        ("codec: h265, quality: 60", "h265 takes 0 to 51"),
    ],
)
def test_a_quality_the_codec_lacks_has_its_place(
    video: str, words: str, write: Write, tmp_path: Path
) -> None:
    (said,) = refused(write(f"title: x\nvideo: {{{video}}}\nshots: [a]"), tmp_path)
    column = len("video: {") + video.index("quality: ") + len("quality: ") + 1
    assert f"film.yaml:2:{column}" in said
    assert words in said
    assert "`quality`" in said


def test_a_rate_that_leaves_no_frame_is_refused_before_the_shooting(
    write: Write, tmp_path: Path
) -> None:
    text = "deliver: {fps: 1}\nsize: 32x32\nfps: 16\nscenes: [{frames: 5, shots: [a]}"
    (said,) = refused(write(f"{text}]"), tmp_path)
    assert "film.yaml:1:16" in said
    assert "no frame at 1 fps" in said
    crossed = ", transition: {kind: crossfade, seconds: 0.2}}, {frames: 5, shots: [b]}]"
    (said,) = refused(write(f"{text[:-1]}{crossed}"), tmp_path)
    assert "no frame at 1 fps" in said
    cut = write(f"{text}, {{frames: 5, shots: [b]}}]")
    assert expected_frames(planned(cut, tmp_path)) == 1


def test_a_size_out_of_range_is_told_once(write: Write, tmp_path: Path) -> None:
    (said,) = refused(write("deliver: {size: 2x2}\nshots: [a]"), tmp_path)
    assert "16 to 8192" in said


LONG = "a lamp, " * 300


def test_a_prompt_over_the_limit_is_refused_and_never_cut(write: Write, tmp_path: Path) -> None:
    path = write(f"shots: ['{LONG}', 'b']")
    said = refused(path, tmp_path)
    assert len(said) == 1
    assert "tokens; the model reads 512" in said[0]
    assert "text: per-shot" in said[0]


def test_per_shot_text_counts_every_window_by_itself(write: Write, tmp_path: Path) -> None:
    half = "a lamp, " * 120
    path = write(f"text: per-shot\nshots: ['{half}', '{half}', '{half}']")
    assert planned(path, tmp_path).takes[0].tokens.count < 512
    said = refused(write(f"text: per-shot\nshots: [a, '{LONG}']", "long.yaml"), tmp_path)
    assert "shot 2 with the global caption" in said[0]


def test_transitions_must_fit_their_scenes(write: Write, tmp_path: Path) -> None:
    said = refused(
        write(SMALL.replace("seconds: 0.2", "seconds: 5")),
        tmp_path,
    )
    assert any("transitions take 75 frames" in line for line in said)


def test_a_transition_may_take_a_whole_scene_and_not_a_frame_more(
    write: Write, tmp_path: Path
) -> None:
    of = "scenes:\n- {frames: 17, shots: [a], transition: {kind: crossfade, seconds: %s}}\n"
    last = "- {frames: 17, shots: [b]}\n"
    fps = "fps: 10\n"
    planned(write(fps + of % 1.7 + last, "whole.yaml"), tmp_path)
    said = refused(write(fps + of % 1.8 + last, "more.yaml"), tmp_path)
    assert any("transitions take 18 frames of a scene that has 17" in line for line in said), said


def test_a_model_that_is_not_there_plans_with_its_obstacles(write: Write, tmp_path: Path) -> None:
    path = write("model: holocine-14b-sparse\nframes: 241\nshots: [a, b, c, d, e]")
    plan = planned(path, tmp_path, models_dir=tmp_path / "models", device="cpu")
    assert not plan.takes[0].tokens.exact
    assert any("holocine models pull" in obstacle.hint for obstacle in plan.obstacles)


def test_unknown_models_devices_and_placements(small: Path, tmp_path: Path) -> None:
    assert "nano" in refused(small, tmp_path, model="nanoo")[0]
    assert "cpu" in refused(small, tmp_path, device="tpu")[0]
    assert "swap" in refused(small, tmp_path, memory="all")[0]
    missing = LoraFile(path=tmp_path / "none.safetensors")
    assert "does not exist" in refused(small, tmp_path, loras=(missing,))[0]


def test_an_unknown_model_in_the_file_has_its_place(write: Write, tmp_path: Path) -> None:
    said = refused(write("title: x\nmodel: nanno\nshots: [a]"), tmp_path)
    assert "film.yaml:2:8" in said[0]


def test_drafts_keep_the_films_shape(write: Write, tmp_path: Path) -> None:
    path = write("model: holocine-14b-full\nsize: 1280x720\nframes: 81\nshots: [a]")
    plan = planned(path, tmp_path, profile="draft", models_dir=tmp_path)
    sampling = plan.takes[0].sampling
    assert sampling.width % 16 == sampling.height % 16 == 0
    assert sampling.width / sampling.height == pytest.approx(1280 / 720, rel=0.05)
    assert sampling.width < 1280


def test_guidance_doubles_and_length_grows_the_cost(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path)
    plain = planned(small, tmp_path, profile="draft")
    assert plan.takes[0].cost.flops > plan.takes[1].cost.flops
    assert plain.takes[0].cost.flops < plan.takes[0].cost.flops


def test_the_callers_word_goes_first(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path, seed=99, profile="draft")
    assert {take.seed for take in plan.takes} == {99}
    assert plan.takes[0].sampling.steps == 2


def test_plans_are_values(small: Path, tmp_path: Path) -> None:
    one, two = planned(small, tmp_path), planned(small, tmp_path)
    assert replace(one, placement=two.placement) == two


def test_faults_of_all_kinds_are_told_together(write: Write, tmp_path: Path) -> None:
    words = "word " * 700
    said = refused(
        write(f"foo: 1\nscenes: [{{bar: 1, frames: 9, cuts: [90], shots: [a, '{words}']}}]"),
        tmp_path,
    )
    assert ["unknown key `foo`" in line for line in said].count(True) == 1
    assert any("unknown key `bar`" in line for line in said)
    assert any("outside the scene" in line for line in said)
    assert any("tokens; the model reads" in line for line in said)


def test_a_lora_has_its_place_in_the_file(write: Write, tmp_path: Path) -> None:
    long = "x" * 300
    said = refused(write(f"shots: [a]\nlora: [no.safetensors, {long}.safetensors]"), tmp_path)
    assert [re.search(r"film\.yaml:2:\d+", line) is not None for line in said] == [True, True]


def test_a_sound_of_an_impossible_name_has_its_place(write: Write, tmp_path: Path) -> None:
    (said,) = refused(write(f"shots: [a]\nsound: {'x' * 300}.wav"), tmp_path)
    assert "film.yaml:2:8" in said


def test_a_transition_too_short_to_show_is_refused(write: Write, tmp_path: Path) -> None:
    for kind, seconds in (("crossfade", 0.02), ("fade", 0.09)):
        passing = f"transition: {{kind: {kind}, seconds: {seconds}}}"
        text = f"scenes: [{{frames: 9, {passing}, shots: [a]}}, {{frames: 9, shots: [b]}}]"
        (said,) = refused(write(text), tmp_path)
        assert "too short to show" in said
        least = float(re.findall(r"give it ([\d.]+) seconds", said)[0])
        longer = text.replace(str(seconds), str(least))
        assert planned(write(longer), tmp_path).takes[0].transition[0] == kind


@pytest.mark.nano
def test_a_shot_without_a_token_is_refused(write: Write, tmp_path: Path) -> None:
    said = refused(write('model: nano\nshots: ["a man", "\\u0301"]'), tmp_path)
    assert any("shot 2's text has no word" in line for line in said), said


def test_a_film_needs_a_name(small: Path) -> None:
    for name in (".", "/", ""):
        with pytest.raises(InputError, match="no name of a film"):
            plan_film(small, Request(out=Path(name)))


def test_a_path_that_no_log_can_hold_is_refused(small: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    with pytest.raises(InputError, match="the film's path is not in UTF-8"):
        plan_film(small, Request(out=odd))
    with pytest.raises(InputError, match="the work folder's path"):
        plan_film(small, Request(work=odd))
    with pytest.raises(InputError, match="the screenplay's path") as refused:
        plan_film(small.rename(odd.with_suffix(".yaml")), Request(out=tmp_path / "film.mp4"))
    assert "--out" not in str(refused.value.hint)


def test_what_has_no_effect_is_told(write: Write, tmp_path: Path) -> None:
    raw = "[global caption] a [per shot caption] b"
    text = f"style: Ink.\nscenes: [{{prompt: '{raw}', transition: fade}}]"
    told = [warning.message for warning in planned(write(text), tmp_path).warnings]
    assert any("`style` does not enter" in message for message in told)
    assert any("last scene's transition" in message for message in told)


def test_a_crossfade_over_whole_shots_swallows_their_chapters(write: Write, tmp_path: Path) -> None:
    text = """
        scenes:
          - frames: 17
            cuts: [9, 13]
            transition: {kind: crossfade, seconds: 0.5}
            shots: [a, b, c]
          - {frames: 17, cuts: [5], shots: [d, e]}
    """
    plan = planned(write(text), tmp_path)
    job = stitch_job(plan, Vault(plan.work))
    held = [(c.start_frame, c.end_frame, c.title[-1]) for c in job.metadata.chapters]
    assert held == [(0, 9, "a"), (9, 14, "d"), (14, 26, "e")]


def test_the_film_tells_what_the_call_said(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path, seed=9, profile="draft")
    assert provenance(plan)["options"] == {"seed": 9, "profile": "draft"}
    assert provenance(planned(small, tmp_path))["options"] == {}


def test_takes_go_on_as_they_were_begun(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path)
    card = Placement(
        strategy="swap", device="cuda", precision="bfloat16", peak_bytes=0, reason="roomy"
    )
    vault = Vault(plan.work)
    assert begun_in(plan.takes, card, vault) is None
    first, second = plan.takes
    fp8 = replace(card, strategy="fp8")

    def keep(take: Take, placement: Placement, step: int) -> None:
        key = with_state(take, placement, vault).progress_key
        sidecar = {"take": key, "step": step}
        vault.keep("progress", f"{key}-{step}", lambda path: path.touch(), sidecar)

    keep(second, fp8, 3)
    assert begun_in(plan.takes, card, vault) == fp8.computing
    assert with_state(second, fp8, vault).step == 3
    keep(first, card, 5)
    assert begun_in(plan.takes, card, vault) == card.computing, "the furthest goes on"
    made = {"made": {"computing": fp8.computing}}
    for take in plan.takes:
        vault.keep("latents", take.latents_key, lambda path: path.touch(), made)
    assert begun_in(plan.takes, card, vault) is None, "nothing is left to shoot"
    assert "fp8" in with_state(first, card, vault).reason
    vault.drop("latents", first.latents_key)
    vault.drop("progress", f"{with_state(first, card, vault).progress_key}-5")
    assert begun_in(plan.takes, card, vault) == fp8.computing, "as the film's other take"


def test_takes_of_fp8_without_scales_are_told_apart(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path)
    fp8 = Placement(
        strategy="fp8", device="cuda", precision="bfloat16", peak_bytes=0, reason="tight"
    )
    vault = Vault(plan.work)
    first, second = plan.takes
    earlier = {"made": {"computing": "cuda, bfloat16, weights in fp8"}}
    vault.keep("latents", first.latents_key, lambda path: path.touch(), earlier)
    begun = {**earlier, "negative": second.latents_key, "step": 4}
    vault.keep("progress", "elsewhere", lambda path: path.touch(), begun)
    swap = replace(fp8, strategy="swap")
    for placement in (fp8, swap):
        told = with_state(first, placement, vault)
        assert (told.state, told.reason) == (
            "reuse",
            "denoised with its weights in unscaled fp8; still to decode",
        )
    assert with_state(second, fp8, vault).step == 0
    assert begun_in(plan.takes, fp8, vault) is None
    (problem,) = begun_otherwise([with_state(second, fp8, vault)], fp8, vault)
    assert problem.message.endswith(
        "was begun by an earlier holocine, whose fp8 had no scales: its 4 steps can't be gone on"
        " with here, and it begins anew"
    )
    now = {"made": {"computing": fp8.computing}}
    vault.keep("latents", first.latents_key, lambda path: path.touch(), now)
    assert with_state(first, fp8, vault).reason == "denoised; still to decode"
    assert with_state(first, swap, vault).reason == (
        "denoised with its weights in fp8; still to decode"
    )


def test_what_another_kind_of_machine_began_is_told(small: Path, tmp_path: Path) -> None:
    plan = planned(small, tmp_path)
    vault, take = Vault(plan.work), plan.takes[0]
    card = Placement(
        strategy="swap", device="cuda", precision="bfloat16", peak_bytes=0, reason="roomy"
    )
    key = with_state(take, card, vault).progress_key
    sidecar = {
        "take": key,
        "step": 4,
        "negative": take.latents_key,
        "made": {"computing": card.computing},
    }
    vault.keep("progress", f"{key}-4", lambda path: path.touch(), sidecar)
    (told,) = planned(small, tmp_path).warnings[len(plan.warnings) :]
    assert told.message == (
        f"scene 'storm' was begun on another kind of machine ({card.computing}): its 4 steps can't "
        "be gone on with here, and it begins anew"
    )
    vault.drop("progress", f"{key}-4")
    assert planned(small, tmp_path).warnings == plan.warnings


def test_a_scenes_own_seed_goes_before_the_films(write: Write, tmp_path: Path) -> None:
    path = write(
        """
        seed: 5
        scenes:
          - {frames: 17, shots: [A lamp.]}
          - {frames: 17, seed: 8, shots: [A door.]}
        """
    )
    assert [take.seed for take in planned(path, tmp_path).takes] == [5, 8]
    assert [take.seed for take in planned(path, tmp_path, seed=9).takes] == [9, 8]
