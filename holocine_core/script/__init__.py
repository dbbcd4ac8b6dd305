"""A YAML file comes in, a validated frozen screenplay goes out.

May import: errors, units. No torch, no network.
"""
