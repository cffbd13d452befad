"""MuonClip, the optimizer of Kimi K2 (arXiv 2507.20534, 2.1): Muon for matrices, AdamW for the rest, QK-Clip."""

from model_core.optim.clip import QKClip, qk_clip_factors
from model_core.optim.muonclip import MuonClip
from model_core.optim.orthogonal import newton_schulz
from model_core.optim.shares import Share, share_of

__all__ = ["MuonClip", "QKClip", "Share", "newton_schulz", "qk_clip_factors", "share_of"]
