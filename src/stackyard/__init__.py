"""Stackyard: the user images of a JupyterHub, built in layers that never conflict."""

__version__ = "0.1.0"
