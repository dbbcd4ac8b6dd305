"""Footage -> samples to train on: screenplays with clips.

Films enter; a folder of samples leaves, with what was found, set aside and asked. Imports script,
store, edit and the torch-free model table; the detector of cuts is evaluate's.
"""
