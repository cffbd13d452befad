"""Tasks by search: goals drawn on a world, derived by executed reads, said in words, checked by running them."""

from synth.goals.build import BuildFailed, Built, build
from synth.goals.desk import Desk

__all__ = ["BuildFailed", "Built", "Desk", "build"]
