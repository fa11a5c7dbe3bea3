"""The preview hub: a real JupyterHub on this machine, with the images that were just built.

The hub runs in an environment of its own (`environment`) and as a process of its own; what
runs there is in `hubside`, which imports nothing of Stackyard.
"""
