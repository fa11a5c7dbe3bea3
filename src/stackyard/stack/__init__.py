"""The stack file: reading it, its variables and variants, closures, targets.

Knows nothing of how anything is resolved or built.
"""
