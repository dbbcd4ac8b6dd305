"""A manuscript and a request come in, a plan goes out: every take with its reason and its cost.

May import: errors, script, vault (reads it), and of model what is free of torch.
"""
