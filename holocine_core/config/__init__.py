"""What people set once and for all: ``holocine.toml`` beside a screenplay, the user's own, and
``HOLOCINE_*``, as one value for each screenplay.

May import: request, script, store.files, film.naming, single modules of model. No torch.
"""
