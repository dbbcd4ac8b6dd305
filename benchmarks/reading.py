"""How well a model's text encoder reads captions of the drawn world, in taught words and in others.

    python -m benchmarks.reading [--model nano] [--minutes 2]

A small network learns, on training captions, to tell from the encoder's rows what each shot is said
to show, and of whom; the encoder stays as it is. Printed is how it reads held-out scenes: of all
that is said, the share that is understood; of the looks and actions it reads, the share that is
said; and of two in a shot, the share whose side it finds (chance: 50 %). In words of training
captions, and with every word that has one replaced by a held-out synonym.
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.lab.words.encoder import Settings, learn, measure
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.weights import load_component


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long the network learns")
    parser.add_argument("--scenes", type=int, default=Settings.checked, help="held-out ones")
    args = parsed(parser, minutes=0.01, scenes=16)
    located = find_model(args.model)
    encoder = load_component(located.component("text_encoder"), torch.float32)
    tokenizer = load_tokenizer(located)
    settings = Settings(minutes=args.minutes, lr=0.01, noise=0.0, frozen=True, checked=args.scenes)
    reader = learn(encoder, tokenizer, settings, lambda told: None)
    print(f"*{machine()}; {args.model}, {settings.checked} held-out scenes*\n")
    print("| | understood | said, of what is understood | sides |")
    print("|---|---|---|---|")
    for name, held_out in (("trained words", False), ("held-out words", True)):
        found = measure(encoder, tokenizer, reader, settings.checked, held_out=held_out)
        print(
            f"| {name} | {found['understood']:.1%} | {found['said']:.1%} | {found['sides']:.1%} |"
        )


if __name__ == "__main__":
    main()
