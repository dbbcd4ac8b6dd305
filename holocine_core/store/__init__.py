"""The shelf: a fingerprint and bytes enter, whole files and sidecars stay, hashed and locked.

Files and hashes only: it knows no scene. Imports errors and events.
"""
