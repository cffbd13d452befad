"""The episode loop, the simulated user, the expert."""
