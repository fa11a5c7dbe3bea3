"""The profile list that a hub has, read out of whatever file an administrator has of it."""
