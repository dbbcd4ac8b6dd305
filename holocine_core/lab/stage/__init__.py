"""The drawn world that teaches and tests the embedded model.

A seed enters; a scene leaves: its exact truth, frames drawn from it, and a screenplay that tells a
random part of it. Imports errors and script; torch where drawing starts.
"""
