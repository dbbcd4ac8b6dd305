"""The core of holocine: screenplays, plans, films. Silent: it returns values and emits events."""
