"""A recipe in, nano's codec out: how it is trained, and fitted anew to a finished transformer."""
