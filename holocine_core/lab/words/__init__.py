"""What captions of the drawn world can say, and how nano's text encoder is taught to read it."""
