"""Wheels, files and accounts to layer blobs.

Knows nothing of registries and engines.
"""
