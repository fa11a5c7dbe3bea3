"""Bases: suites bootstrapped, images and root file systems brought in.

Knows nothing of packages or hubs.
"""
