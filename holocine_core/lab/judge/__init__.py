"""Frames in, what they show out: a small network that reads the drawn world's facts from shots."""
