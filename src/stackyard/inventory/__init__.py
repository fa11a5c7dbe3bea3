"""What is in an image: its files, its Debian packages, its Python.

Knows nothing of stacks.
"""
