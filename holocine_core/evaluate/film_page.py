"""A finished film -> its report: looked through once, measured, and put on one page.

May import: provenance, cutlist, edit, evaluate.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holocine_core.edit.exchange import CutList, CutShot
from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.edit.page import Cut, Page, is_page, page_html
from holocine_core.film.cut_list import cut_list
from holocine_core.film.provenance import Inspection, call_told, inspect, own_profile_told, versions
from holocine_core.script.edits import edits_told
from holocine_core.script.shot_names import shots_named
from holocine_core.store.files import is_same, refuse_to_replace, replacing
from holocine_core.store.vault import disk_errors, file_hash, fingerprint

if TYPE_CHECKING:
    from holocine_core.evaluate.consistency import Extract

LOOKS_PER_SHOT = 8
"""Frames of a shot that are compared with others', evenly spread."""
NEAR = 6
"""Frames around an asked cut in which a change counts as that cut."""
_CLEAR = 3.0
"""How much more a cut changes than the usual frame around it, where nothing better measures."""


def write_report(
    film: Path,
    out: Path,
    *,
    clip: Path | None = None,
    dino: Path | None = None,
    force: bool = False,
) -> Page:
    """Write a film's report; a page of that film which nobody has changed is replaced unasked, and
    what else is there is refused before the work.

    Args:
        film: Made by holocine.
        out: The page.
        clip: A CLIP vision folder to compare shots by as well.
        dino: A DINO folder likewise.
        force: Replace any file there.

    Raises:
        InputError: No film of holocine's, no such network, or another file is in the way.
        MachineError: ffmpeg or the disk failed.
    """
    mark = _mark(film, clip, dino)
    of = fingerprint(os.path.relpath(film.resolve(), out.resolve().parent))
    gives_way = force or _is_whole(out, mark, of)
    refuse_to_replace(out, replace=gives_way)  # Before the work.
    page = look_through(inspect(film), clip=clip, dino=dino)

    def ready(made: Path, out: Path) -> None:
        still = force or _is_whole(out, mark, of) or is_same(out, made.read_bytes())
        refuse_to_replace(out, replace=still)

    with replacing(out, ready) as made:
        room = made.parent / "film"
        room.mkdir()
        text = page_html(page, room)
        made.write_text(text + _sealed(mark, of, text.encode()), encoding="utf-8")
    return page


def _mark(film: Path, clip: Path | None, dino: Path | None) -> str:
    """Tells pages apart before they are made: by film, what its shots are compared by, and who
    measures."""
    from holocine_core.evaluate.cuts import detector_installed

    if not film.is_file():
        return ""  # Told by whoever reads it.
    with disk_errors("read the film", film):
        content = file_hash(film)
    networks = [None if folder is None else str(folder.resolve()) for folder in (clip, dino)]
    return fingerprint([content, film.name, networks, detector_installed(), versions()])


def _sealed(mark: str, of: str, page: bytes) -> str:
    """The last line of a page: what it was made of and by, whose it is (empty in earlier pages,
    which do not say), and its own hash."""
    return f"<!-- {' '.join(filter(None, (mark, of, hashlib.sha256(page).hexdigest())))} -->\n"


def _is_whole(out: Path, mark: str, of: str) -> bool:
    """Whether a page is this film's, whatever the film was then, as it was written; of earlier
    pages, which do not say whose they are, whether it is the one of this mark."""
    if not is_page(out):
        return False
    with disk_errors("read the page", out):
        content = out.read_bytes()
    page, _, last = content.rpartition(b"<!-- ")
    told = last.partition(b" ")[0].decode("utf-8", "replace")
    return content in [page + _sealed(*one, page).encode() for one in ((told, of), (mark, ""))]


def look_through(found: Inspection, *, clip: Path | None = None, dino: Path | None = None) -> Page:
    """Everything the page shows, read out of the film in one pass. Arguments as above."""
    from holocine_core.evaluate.features import extractors

    cuts = cut_list(found)
    compared = extractors(clip, dino)
    seen = _watch(cuts)
    measured, by = _measure(cuts, seen)
    return Page(
        cuts=cuts,
        pictures=tuple(
            (seen.frames[a], seen.frames[b], seen.frames[c]) for a, b, c in map(_looks, cuts.shots)
        ),
        measured=measured,
        measured_by=by,
        changes=tuple(seen.changes),
        likeness={name: _likeness(cuts, seen, extract) for name, extract in compared.items()},
        settings=dict(settings_told(found.provenance, found.path)),
        screenplay=found.screenplay,
    )


def _looks(shot: CutShot) -> tuple[int, int, int]:
    span = shot.span
    return span.start, span.start + len(span) // 2, span.stop - 1


@dataclass(slots=True)
class _Seen:
    """What is kept of a film's frames."""

    frames: dict[int, Frames] = field(default_factory=dict)
    """Those that are shown or compared."""
    changes: list[float] = field(default_factory=list)
    """Mean change from each frame to the next, in percent."""
    small: list[Frames] = field(default_factory=list)
    """All of them, as TransNetV2 sees them; none where it isn't installed."""


def _watch(cuts: CutList) -> _Seen:
    from holocine_core.evaluate.consistency import spread
    from holocine_core.evaluate.cuts import detector_installed, shrunk

    compared = {at for shot in cuts.shots for at in spread(shot.span, LOOKS_PER_SHOT)}
    wanted = compared | {at for shot in cuts.shots for at in _looks(shot)}
    seen = _Seen()
    shrink = detector_installed()
    last: Frames | None = None
    at = 0
    for chunk in read_frames(cuts.film):
        run = chunk if last is None else np.concatenate([last[None], chunk])
        seen.changes += [
            float(np.abs(b.astype(np.int16) - a).mean() / 2.55) for a, b in pairwise(run)
        ]
        seen.frames |= {at + i: frame.copy() for i, frame in enumerate(chunk) if at + i in wanted}
        if shrink:
            seen.small.append(shrunk(chunk))
        last = chunk[-1].copy()
        at += len(chunk)
    return seen


def _measure(cuts: CutList, seen: _Seen) -> tuple[tuple[Cut, ...], str]:
    """Where the cuts are, and what measured them."""
    from holocine_core.evaluate.cuts import find_cuts

    if seen.small:
        found = find_cuts([np.concatenate(seen.small)])[0]
        by = "TransNetV2"
    else:
        found = tuple(_steps(seen.changes, [shot.span.start for shot in cuts.shots[1:]]))
        by = (
            "the largest change from frame to frame near it (install holocine[eval] for TransNetV2)"
        )
    measured = []
    left = list(found)
    for shot in cuts.shots[1:]:
        near = [at for at in left if abs(at - shot.span.start) <= NEAR]
        closest = min(near, key=lambda at: abs(at - shot.span.start), default=None)
        if closest is not None:
            left.remove(closest)
        measured.append(Cut(shot=shot, found=closest, begins=shot.facts["begins"]))
    return tuple(measured), by


def _steps(changes: Sequence[float], asked: Sequence[int]) -> Iterator[int]:
    """Cuts by plain differences: near each asked one, the largest step that stands out."""
    for cut in asked:
        around = range(max(1, cut - NEAR), min(len(changes), cut + NEAR) + 1)
        best = max(around, key=lambda at: changes[at - 1])
        usual = float(np.median([changes[at - 1] for at in around]))
        if changes[best - 1] > _CLEAR * max(usual, 0.1):
            yield best


def _likeness(cuts: CutList, seen: _Seen, extract: Extract) -> list[list[float]]:
    """Cosines of the mean features of every two shots."""
    from holocine_core.evaluate.consistency import middle, spread

    looks = [spread(shot.span, LOOKS_PER_SHOT) for shot in cuts.shots]
    means = [middle(extract(np.stack([seen.frames[at] for at in look]))) for look in looks]
    return [[float(a @ b) for b in means] for a in means]


def settings_told(made: Mapping[str, Any], film: Path) -> Iterator[tuple[str, str]]:
    yield "film", film.name
    yield "model", f"{made['model']['name']} ({made['model']['licence']})"
    yield "profile", str(made["profile"])
    if own := own_profile_told(made):
        yield "own profile", own
    for lora in made["lora"]:
        yield "LoRA", f"{lora['file']} x {lora['weight']:g}, expert {lora['expert']}"
    given = made.get("options", {})
    if words := call_told(made):
        yield "called with", words
    if "draft" in given:
        yield "draft", f"{given['draft']} of holocine preview --seeds"
    scenes = len(made["takes"])
    if made.get("edits"):
        for line in edits_told(made["edits"], scenes).split("; "):
            yield "edited", line
    for take in made["takes"]:
        sampling = take["sampling"]
        noise = sampling.get("eta")
        eta = "" if noise in (None, 1) else f" (eta {noise:g})"
        yield (
            f"scene {take['scene']}",
            f"{take['frames']['got']} frames of {sampling['width']}x{sampling['height']}, seed "
            f"{take['seed']}, {sampling['steps']} steps of "
            f"{sampling.get('sampler', 'euler')}{eta}, "
            f"guidance {sampling['guidance']:g}, shift {sampling['shift']:g}, "
            f"{sampling['attention']} attention",
        )
        for lora in take.get("lora", []):
            yield (
                f"LoRA of shot {shots_named(take['scene'], lora['shots'], scenes)}",
                f"{lora['file']} x {lora['weight']:g}, expert {lora['expert']}",
            )
    yield "made with", ", ".join(f"{name} {at}" for name, at in made["versions"].items())
