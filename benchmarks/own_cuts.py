"""How often a render's look at its own cuts errs, on scenes whose cuts are known.

    python -m benchmarks.own_cuts [--suite stage:1800000000:60]

Drawn scenes have exactly the cuts they were asked for. Besides, a cut is asked for in the middle of
every longer shot, where there is none.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.edit.own_cuts import SEEN, SUDDEN, cells, look, sharpness
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.suite import parse_suite
from holocine_core.lab.suites.suite_films import drawn_film
from holocine_core.model.locate import find_model

SIZE = (128, 224)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="stage:1800000000:60")
    args = parsed(parser, suite="stage:1800000000:2")
    suite = parse_suite(args.suite, world_of(find_model("nano")))
    cuts = missed = extra = frames = inside = unseen = 0
    least, most = np.inf, 0.0
    for case in suite.cases:
        if case.words != "trained":
            continue
        film = drawn_film(case, SIZE)
        asked = [shot.frames.start for shot in case.scene.shots[1:]]
        seen = cells(film.frames)
        found = look(seen, asked)
        sharp = sharpness(seen, asked)
        cuts, missed = cuts + len(asked), missed + len(found.missing)
        frames, extra = frames + len(seen) - 1 - 3 * len(asked), extra + len(found.extra)
        least = min([least, *(float(sharp[cut - 1 : cut + 2].max()) for cut in asked)])
        near = {cut + off for cut in asked for off in (-1, 0, 1)}
        most = max([most, *(float(sharp[i]) for i in range(1, len(sharp)) if i not in near)])
        for shot in case.scene.shots:
            # A cut in the middle of a shot, where there is none.
            span = shot.frames
            if len(span) > 16:
                alone, middle = seen[span.start : span.stop], len(span) // 2
                inside += 1
                unseen += len(look(alone, [middle]).missing)
    print(f"*{machine()}; {suite.name}, drawn at {SIZE[1]}x{SIZE[0]}*\n")
    print("| | of | |")
    print("|---|---|---|")
    print(f"| cuts that are there and not seen (below {SEEN:g}) | {cuts} | {missed} |")
    print(f"| other frames that look like a cut (from {SUDDEN:g}) | {frames} | {extra} |")
    print(f"| cuts asked for inside a shot, told as missing | {inside} | {unseen} |")
    print(
        f"\nThe faintest cut is {least:.2f} times its surroundings, the largest other {most:.2f}."
    )


if __name__ == "__main__":
    main()
