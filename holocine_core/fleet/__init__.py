"""Many films by many workers: the shared folder is the truth.

Enters: planned films. Leaves: films that are this worker's turn, each once; what became of all.
May import: plan, film, store, request, model.kernels.
"""
