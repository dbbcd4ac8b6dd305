"""The adaptation: a script, a shot list or raw prompts enter, a screenplay to go on with leaves.

Imports ``script`` and ``errors``; no torch.
"""
