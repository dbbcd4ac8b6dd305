"""Arguments come in; films, tables and exit codes go out. Prints and exits, so the core need not.

May import: everything of holocine_core, heavy rooms inside command functions only.
"""
