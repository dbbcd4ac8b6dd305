"""The drawn world, where the embedded model is made and measured: scenes that are drawn and told
from a seed, the judge that reads them back from frames, the words, the codec, the suites.

May import every other room but the Python face; nothing imports it. Training on the drawn world
opens it by name (``holocine_core.train.data.worlds``).
"""
