"""What a server counts, in Prometheus' text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from model_core.engine import Completion
from model_core.parser import Fault

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Metrics:
    """Each server has its own: two in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.answers = Counter(
            "synth_http_responses", "HTTP responses by path and status", ["path", "status"], registry=self._registry
        )
        self.in_flight = Gauge("synth_choices_in_flight", "Choices waiting or running", registry=self._registry)
        self.seconds = Histogram(
            "synth_choice_seconds", "From request to the end of a choice", buckets=_SECONDS, registry=self._registry
        )
        self._ended = Counter("synth_choices", "Choices by how they ended", ["finish_reason"], registry=self._registry)
        self._prompt = Counter("synth_prompt_tokens", "Tokens of prompts", registry=self._registry)
        self._cached = Counter("synth_cached_tokens", "Of them found in the cache", registry=self._registry)
        self._generated = Counter("synth_generated_tokens", "Tokens of answers", registry=self._registry)
        self._steps = Counter("synth_model_steps", "Passes of the model, per choice", registry=self._registry)
        self._faults = Counter("synth_faults", "Malformed parts of answers by kind", ["kind"], registry=self._registry)

    def ended(self, completion: Completion, reason: str, faults: list[Fault], seconds: float) -> None:
        """A choice is over."""
        self._ended.labels(reason).inc()
        self._prompt.inc(completion.prompt_tokens)
        self._cached.inc(completion.cached_tokens)
        self._generated.inc(len(completion.ids))
        self._steps.inc(completion.model_steps)
        self.seconds.observe(seconds)
        for fault in faults:
            self._faults.labels(fault.kind).inc()

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)
