"""Keys, the plan, the scheduler and its events."""
