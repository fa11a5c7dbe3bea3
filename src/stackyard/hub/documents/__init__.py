"""YAML and JSON that others wrote, as nodes that know where in the text they stand.

The stack file's own reader refuses what a stack file should not have; these take all that
Helm and Kubernetes take, within bounds, and never construct an object.
"""
