"""What a recipe's words for a model's parts and for screenplays mean as files."""

from __future__ import annotations

from pathlib import Path

from holocine_core.model.components import LocatedModel
from holocine_core.model.locate import folder_of
from holocine_core.model.spec import MODELS
from holocine_core.model.spec import __file__ as _SPEC
from holocine_core.model.vocabulary import read_vocabulary
from holocine_core.shipped.names import file_meant, is_name, templates

_MODELS = Path(_SPEC).parent
FORMER = "holocine_core/model/"
"""How recipes named the embedded model while they were run in a checkout."""


def by_name(text: str, part: str = "") -> str:
    """A model's name where a recipe means it by a path of the checkout, else the text as it is.

    So the run that such a recipe began goes on by one that says the name.
    """
    name = text.removeprefix(FORMER).rstrip("/").removesuffix(f"/{part}" if part else "")
    spec = MODELS.get(name)
    if not text.startswith(FORMER) or spec is None or not spec.embedded:
        return text
    here, shipped = Path(text), _MODELS / spec.embedded / part
    # Another folder that lies there is what the words say.
    return text if here.is_dir() and not here.samefile(shipped) else name


def codec_folder(text: str) -> Path:
    """The folder of a new model's codec: that of the model of this name, or the path."""
    found = _folder_of_model(text)
    return Path(text) if found is None else found / "vae"


def text_folder(text: str) -> Path:
    """The folder that holds a new model's tokenizer/ and text_encoder/."""
    return _folder_of_model(text) or Path(text)


def _folder_of_model(text: str) -> Path | None:
    spec = MODELS.get(text)
    if spec is not None:
        return _MODELS / spec.embedded if spec.embedded else None
    return folder_of(text) if is_name(text) else None


def screenplay_meant(text: str, located: LocatedModel | None) -> Path:
    """The screenplay that ``films`` of a recipe names: a file, or a template for the model.

    Args:
        text: As the recipe says.
        located: The model that films it; None for a new one, which begins with nano's words.

    Raises:
        InputError: There is no such template.
    """
    drawn = located is None or read_vocabulary(located) is not None
    return file_meant(text, templates(drawn=drawn))
