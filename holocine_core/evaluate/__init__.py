"""The screening room: finished frames in, numbers out, and what they have to reach.

Measures that know any film (cuts, consistency, motion) stand beside those that know the drawn
world, whose truth a small judge network reads back from frames. Imports everything that makes a
film; nothing imports it but the command line.
"""
