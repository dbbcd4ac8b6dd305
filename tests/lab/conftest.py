"""The small runs of training, for what the drawn world adds to them."""

from tests.train.conftest import kept, model, one_thread, recipe, samples

__all__ = ["kept", "model", "one_thread", "recipe", "samples"]
