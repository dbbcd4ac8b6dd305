"""The sets of the paper theatre: what stands behind, under and before the figures."""
