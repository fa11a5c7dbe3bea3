"""The sides that `against_engines.py` compares, and what they run on."""
