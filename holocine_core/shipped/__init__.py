"""What ships beside the code: recipes, suites and templates as the files that people read.

A name enters, its file leaves. Imports nothing.
"""
