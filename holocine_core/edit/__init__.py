"""The cutting room: numpy frames and clips enter, probed films, stills and storyboards leave.

Imports ``script``, ``errors`` and ``events``; no torch, and moviepy only once a film has sound.
"""
