"""One picture of a suite's films: a row per scene, a frame from the middle of every shot.

    python -m benchmarks.sheets --out films.jpg [--suite stage:1500000000:12] [--model nano]

Films the suite's scenes as `holocine evaluate --suite` does, nothing picked, and prints what each
was asked for. Films are kept in --work.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.suite import parse_suite
from holocine_core.lab.suites.suite_films import frames_of, plan_case
from holocine_core.model.locate import find_model
from holocine_core.render import render
from holocine_core.request import Request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help=".png, or .jpg to be smaller")
    parser.add_argument("--suite", default="stage:1500000000:12")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--profile", default=None)
    parser.add_argument("--most-shots", type=int, default=6, help="of each film")
    parser.add_argument("--work", type=Path, default=Path(".holocine/sheets"))
    args = parsed(
        parser,
        suite="stage:1500000004:1",
        model=tiny,
        work=scratch,
        out=lambda: scratch("films.png"),
    )
    suite = parse_suite(args.suite, world_of(find_model(args.model)))
    options = Request(profile=args.profile, model=args.model)
    rows = []
    cases = [case for case in suite.cases if case.words == "trained"]
    for number, case in enumerate(cases, 1):
        print(f"{number} of {len(cases)}: {case.name}", file=sys.stderr)
        plan = plan_case(case, args.work, options)
        render(plan, force=True)
        shots = [shot.frames for shot in case.scene.shots]
        rows.append(middles(frames_of(plan), shots[: args.most_shots]))
        print(f"{number}. {plan.takes[0].prompt.text}\n")
    write_contact_sheet(rows, args.out)


if __name__ == "__main__":
    main()
