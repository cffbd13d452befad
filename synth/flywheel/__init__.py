"""Rounds of rollouts by a model, training on what was verified, and evaluation; the better model plays the next."""
