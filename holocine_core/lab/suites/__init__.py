"""Held-out scenes of the drawn world in, films of them and scores of those films out."""
