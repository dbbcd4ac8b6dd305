"""EDLs as editing programs read them: reels, drop frames, sound, and no comment that misleads."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from holocine_core.edit.cuts import CutList, CutShot
from holocine_core.edit.edl import read_edl, reel_name, write_edl
from holocine_core.errors import InputError
from holocine_core.script.timeline import DeliveredSpan


def film(*spans: tuple[int, int], fps: Fraction = Fraction(24), sound: bool = False) -> CutList:
    shots = tuple(
        CutShot(
            name=f"quay:{i}", span=DeliveredSpan(*span), prompt="LOCAL BOATS", facts={"seed": i}
        )
        for i, span in enumerate(spans, 1)
    )
    return CutList(
        film=Path("The Quay.mp4"),
        title="The Quay",
        fps=fps,
        frames=spans[-1][1],
        size=(832, 480),
        sound=sound,
        shots=shots,
        facts={},
    )


def test_an_edl_is_as_editors_write_it() -> None:
    assert write_edl(film((0, 5), (5, 33), fps=Fraction(15), sound=True), Fraction(30)) == (
        "TITLE: The Quay\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  TheQMH9D V     C        00:00:00:00 00:00:00:10 00:00:00:00 00:00:00:10\n"
        "* FROM CLIP NAME:  The Quay.mp4\n"
        "* SHOT: quay:1\n"
        "* PROMPT: LOCAL BOATS\n"
        "* SEED: 1\n"
        "\n"
        "002  TheQMH9D V     C        00:00:00:10 00:00:02:06 00:00:00:10 00:00:02:06\n"
        "* FROM CLIP NAME:  The Quay.mp4\n"
        "* SHOT: quay:2\n"
        "* PROMPT: LOCAL BOATS\n"
        "* SEED: 2\n"
        "\n"
        "003  TheQMH9D AA    C        00:00:00:00 00:00:02:06 00:00:00:00 00:00:02:06\n"
        "* FROM CLIP NAME:  The Quay.mp4\n"
    )


@pytest.mark.parametrize(
    ("stem", "reel"),
    [("quay", "quay"), ("Ferry12", "Ferry12"), ("The Quay", "TheQ...."), ("Café", "Cafe....")],
)
def test_a_short_name_is_its_own_reel_and_any_other_begins_like_it(stem: str, reel: str) -> None:
    assert re.fullmatch(reel.replace(".", "[0-9A-Z]"), reel_name(stem))


def test_every_name_has_a_reel_of_its_own() -> None:
    names = ["A Day At Sea", "A Day At Home", "灯台", "маяк", "маяк 2", "ferry-scene-1", "---"]
    names += ["ferry-scene-2", "Mara's Boat", "BL", "black", "ax", "", "É灯", "É台"]
    names += ["ferry-1", "ferry1", "ferry 1", "shot 1-12", "shot 11-2", "Café", "Cafe", "The Quay"]
    reels = [reel_name(name) for name in names]
    assert len(set(reels)) == len(reels)
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,8}", reel) for reel in reels)
    assert not {"BL", "BLACK", "AX"} & {reel.upper() for reel in reels}
    assert reels == [reel_name(name) for name in names]


@pytest.mark.parametrize(
    ("count", "said", "minute"),
    [
        (24, "NON-DROP FRAME", "00:01:00:00"),
        (30, "DROP FRAME", "00:01:00;02"),
        (60, "DROP FRAME", "00:01:00;04"),
    ],
)
def test_drop_frames_keep_to_the_clock(count: int, said: str, minute: str) -> None:
    rate = Fraction(1000 * count, 1001)
    found = film((0, 60 * count), (60 * count, 61 * count), fps=rate)
    text = write_edl(found, rate)
    assert f"FCM: {said}\n" in text
    assert re.findall(r"^001 .* (\S+)$", text, re.M) == [minute]
    assert [(shot.start, shot.stop) for shot in read_edl(text, rate)] == [
        (0, 60 * count),
        (60 * count, 61 * count),
    ]


def test_what_an_edl_cannot_hold_is_refused() -> None:
    many = film(*((i, i + 1) for i in range(999)))
    write_edl(many, Fraction(24))
    with pytest.raises(InputError, match="holds 999 events, the film has 1000"):
        write_edl(replace(many, sound=True), Fraction(24))
    with pytest.raises(InputError, match="24 hours"):
        write_edl(film((0, 24 * 3600 * 24)), Fraction(24))
