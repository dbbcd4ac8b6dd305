"""The finished film: takes on the shelf enter, a film that says what made it leaves; opened again.

Imports script, model.lora, plan, store and edit.
"""
