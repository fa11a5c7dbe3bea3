"""What runs inside the preview's JupyterHub, in an environment without Stackyard.

So nothing here imports anything of Stackyard, nor does Stackyard import what needs the
hub's packages.
"""
