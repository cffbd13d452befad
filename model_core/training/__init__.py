"""Training on conversations: token files, packing, the loop, checkpoints, metrics."""

from model_core.training.feed import Batch, Feed, Stream, batch_of
from model_core.training.job import Job, run_job
from model_core.training.loop import Trainer
from model_core.training.settings import OptimizerSettings, Settings
from model_core.training.shards import tokenise
from model_core.training.tokens import TokenFile, TokenWriter

__all__ = [
    "Batch",
    "Feed",
    "Job",
    "OptimizerSettings",
    "Settings",
    "Stream",
    "TokenFile",
    "TokenWriter",
    "Trainer",
    "batch_of",
    "run_job",
    "tokenise",
]
