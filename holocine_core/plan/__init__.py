"""A manuscript and a request come in, a plan goes out: every take with its reason and its cost.

May import: errors, script, store (reads it), edit, and of model what is free of torch.
"""
