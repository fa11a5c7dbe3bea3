"""Resolving all layers together, the lock file, conflicts explained, wheels fetched.

Knows nothing of OCI or of building.
"""
