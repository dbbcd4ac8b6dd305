"""The workshop: recipes, data and the loops that make and fine-tune models.

A recipe enters; checkpoints and a complete model folder leave. Imports everything the renderer's
networks are made of (script, model, sample) and edit's ffmpeg; a drawn world is opened by name.
"""
