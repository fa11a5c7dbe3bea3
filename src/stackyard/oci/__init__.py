"""OCI images: descriptors, the store, tar and gzip writing, assembly, export, the registry.

Knows nothing of stacks, Python packages or hubs.
"""
