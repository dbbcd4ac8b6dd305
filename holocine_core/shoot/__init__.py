"""A planned take comes in; its negative, and from that its frames, go out.

May import: errors, events, script, model, plan (values only).
"""
