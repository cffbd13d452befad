"""Synthetic worlds grown from lifted ones: `evolve` picks a parent, a domain of the same split, and operators."""

from synth.worlds.evolve.evolving import MAX_DEPTH, Evolved, Rejected, evolve, pick_parents

__all__ = ["MAX_DEPTH", "Evolved", "Rejected", "evolve", "pick_parents"]
