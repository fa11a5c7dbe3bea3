"""The profile list and its deliveries.

Knows nothing of building.
"""
