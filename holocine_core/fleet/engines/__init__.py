"""Where workers run: in processes of this machine, on a Ray cluster, as a job of Slurm's.

An engine starts the command that a person would start by hand, `render --worker`; what is made, and
by whom, is the folder's to say.
"""
