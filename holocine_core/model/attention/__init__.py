"""Shot-aware attention: which tokens see which, and how a CPU or a GPU computes it."""
