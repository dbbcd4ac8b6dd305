"""The screening room: finished frames in, numbers out, and what they have to reach.

The measures here know any film: its cuts, its consistency, its motion. Those that know the drawn
world's truth are in lab. Imports everything that makes a film.
"""
