"""What a phase trains on: samples in groups of one layout, from folders or from a drawn world."""
