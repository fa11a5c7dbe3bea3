"""The profile list as files that deployments take: one module a format, all of one shape.

Each has ``deliver(stack, offers, settings)``, which is pure and gives a `Delivery`.
"""
