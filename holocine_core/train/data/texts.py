"""Prompts that are encoded once: their context rows on disk, by what they say.

Letters: B batch, L context row, D text width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.model.components import LocatedModel
from holocine_core.sample.conditioning import (
    BatchConditioning,
    ContextRows,
    batch_tokens,
    encode_tokens,
    padded_conditioning,
)
from holocine_core.script.prompt import ScenePrompt
from holocine_core.store.tensors import read_one_of, write_checked
from holocine_core.train.data.batches import KeptText
from holocine_core.train.data.samples import text_name

UNTOLD = "untold"
"""Name of the text of a sample that lost its own."""


class Texts:
    """The encoded prompts of a model.

    Args:
        home: Folder of what runs keep encoded.
        located: The model.
        tokenizer: Its ``tokenizers.Tokenizer``.
        bf16: Whether the encoder computes in bfloat16.
    """

    def __init__(self, home: Path, located: LocatedModel, tokenizer: Any, *, bf16: bool) -> None:
        spec, parts = located.spec, located.identity()
        made_by = [parts["text_encoder"], parts["tokenizer"], bf16]
        made_by += [spec.text_tokens, spec.text_padding]
        self.identity = json.dumps(made_by)
        """Of what encodes; decides, with a text, which file holds it."""
        self._folder = home / "texts"
        self._tokenizer = tokenizer
        self._reads = ContextRows(spec.text_tokens, padding=spec.text_padding)
        self._untold: Tensor | None = None

    def key(self, name: str) -> str:
        """Names the file of the text that ``text_name`` calls so."""
        return hashlib.sha256(f"{self.identity} {name}".encode()).hexdigest()[:32]

    def has(self, key: str) -> bool:
        """Whether a text is kept."""
        return self._path(key).is_file()

    def keep(self, prompt: ScenePrompt | None, encoder: Any) -> str:
        """Encode a prompt, or the one of samples without text, and keep it; its key."""
        key = UNTOLD if prompt is None else self.key(text_name(prompt))
        tokens = batch_tokens([prompt], 1, self._tokenizer, self._reads)
        with torch.no_grad():
            rows = encode_tokens(tokens, encoder).text_BLD[0, : len(tokens.ids[0])]
        windows = json.dumps(tokens.windows[0])
        write_checked(self._path(key), {"rows": rows.cpu()}, {"windows": windows})
        return key

    def read(self, key: str) -> KeptText:
        """A kept text.

        Raises:
            MachineError: It is damaged, or not there.
        """
        tensors, metadata = read_one_of(self._folder, self._path(key))
        windows = tuple(map(tuple, json.loads(metadata["windows"])))
        return KeptText(rows_LD=tensors["rows"], windows=windows)

    def conditioning(
        self,
        texts: Sequence[KeptText],
        dropped: Sequence[bool],
        shots: Sequence[int],
        device: torch.device,
    ) -> BatchConditioning:
        """What a batch's samples read.

        Args:
            texts: Theirs.
            dropped: Which of them read nothing instead.
            shots: Of every sample.
            device: Where the rows go.
        """
        rows, windows = [], []
        for text, lost, count in zip(texts, dropped, shots, strict=True):
            rows.append(self._nothing() if lost else text.rows_LD)
            # Whoever reads nothing reads all of it, padding included.
            open_to_all = tuple(range(self._reads.of(len(rows[-1]))))
            mine = (_folded(open_to_all, len(rows[-1])),) * count if lost else text.windows
            windows.append(mine)
        longest = max(1, *(len(one) for one in rows))
        text_BLD = torch.stack([F.pad(one, (0, 0, 0, longest - len(one))) for one in rows])
        return padded_conditioning(text_BLD.to(device), tuple(windows))

    def _nothing(self) -> Tensor:
        if self._untold is None:
            self._untold = self.read(UNTOLD).rows_LD
        return self._untold

    def _path(self, key: str) -> Path:
        if key == UNTOLD:
            key = f"{UNTOLD}-{self.key('')}"
        # A folder of a hundred thousand files is slow to look into.
        return self._folder / key[-2:] / f"{key}.safetensors"


def _folded(window: tuple[int, ...], tokens: int) -> tuple[int, ...]:
    """A window whose padding rows are its first one, as often."""
    return tuple(min(row, tokens) for row in window)
