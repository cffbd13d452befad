"""The model seam: any OpenAI-compatible endpoint, or a scripted fake."""

from synth.models.protocol import ModelClient, Reply, Sampling

__all__ = ["ModelClient", "Reply", "Sampling"]
