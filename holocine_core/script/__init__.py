"""A YAML file comes in, a validated frozen screenplay goes out.

May import: errors. No torch, no network.
"""
