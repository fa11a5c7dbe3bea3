"""Packages to groups: a pure function from lock and stack.

Knows nothing but those two.
"""
