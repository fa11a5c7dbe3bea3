"""Two profile lists compared: what the hub's users would see change."""
