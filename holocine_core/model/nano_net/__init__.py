"""The embedded model's own networks: codec, text encoder, and tokens that know their place."""
