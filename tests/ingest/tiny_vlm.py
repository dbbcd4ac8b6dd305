"""A random model that answers pictures with words, in a folder as the hub lays it out: 0.2 MB."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForImageTextToText,
    Idefics3Config,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

SIDE, PATCH, SCALE = 32, 8, 2
SPECIAL = (
    "<pad>", "<s>", "</s>", "<unk>", "<fake_token_around_image>", "<image>", "<end_of_utterance>",
    "<global-img>",
)  # fmt: skip
WORDS = tuple(
    [
        "a",
        "the",
        "red",
        "blue",
        "green",
        "dog",
        "cat",
        "person",
        "tree",
        "house",
        "walks",
        "runs",
        "stands",
        "sits",
        "by",
    ]
)
CHAT = (
    "<s>{% for turn in messages %}{{ turn['role'] }}: {% for part in turn['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def write_tiny_vlm(folder: Path, *, chat: str | None = CHAT) -> None:
    """Write it: a vision tower, a language model, a processor and a chat template."""
    ids = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(models.WordLevel(vocab=ids, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.add_special_tokens(list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="left",
    )
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}, do_image_splitting=False
    )
    tokens = (SIDE // PATCH // SCALE) ** 2
    Idefics3Processor(
        pictures, tokenizer, image_seq_len=tokens, chat_template=chat
    ).save_pretrained(folder)
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    config = Idefics3Config(
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            **small,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "bos_token_id": ids["<s>"],
            "eos_token_id": ids["</s>"],
            "pad_token_id": ids["<pad>"],
        },
        vision_config={**small, "num_attention_heads": 2, "image_size": SIDE, "patch_size": PATCH},
        scale_factor=SCALE,
        image_token_id=ids["<image>"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # Loud enough for pictures to matter.
                torch.nn.init.normal_(parameter, std=0.3)
    settings = model.generation_config
    settings.eos_token_id = [ids["<end_of_utterance>"], ids["</s>"]]
    settings.pad_token_id = ids["<pad>"]
    settings.suppress_tokens = list(range(len(SPECIAL)))
    model.save_pretrained(folder)
