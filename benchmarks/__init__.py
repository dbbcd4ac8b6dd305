"""Measurements anyone can repeat: ``python -m benchmarks.NAME``. Each prints its machine."""
