"""The cutting room: numpy frames and clips enter, probed films, stills and storyboards leave.

Imports ``script``, ``store``, ``errors``, ``events``; no torch, moviepy only once a film has sound.
"""
