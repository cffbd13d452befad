"""Many conversations through one model: batches that rows join and leave at any step, over a paged, shared cache."""

from model_core.engine.engine import Engine
from model_core.engine.loop import EngineLoop
from model_core.engine.requests import Completion, Constraint, Event, Request, SamplingParams, TokenLogprob

__all__ = ["Completion", "Constraint", "Engine", "EngineLoop", "Event", "Request", "SamplingParams", "TokenLogprob"]
