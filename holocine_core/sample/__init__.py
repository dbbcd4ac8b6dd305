"""A planned take comes in; its latents, and from those its frames, go out.

May import: errors, events, script, model, plan (values only).
"""
