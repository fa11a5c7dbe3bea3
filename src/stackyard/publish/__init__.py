"""Names, tags and editions of images, and pushing them.

Knows nothing of profiles.
"""
