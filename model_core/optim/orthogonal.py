"""The nearest semi-orthogonal matrix, roughly, by matrix products alone."""

from __future__ import annotations

import torch
from torch import Tensor

# Muon's quintic: the slope at zero is as large as it can be, and singular values end within about 0.7 to 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
EPS = 1e-7


def newton_schulz(G: Tensor, steps: int = 5) -> Tensor:
    """G[..., n, m] with every singular value moved near 1, in G's dtype and on its device; zeros stay zeros.

    X <- aX + b(XX^T)X + c(XX^T)^2 X from X = G / ||G||_F (Moonlight, arXiv 2502.16982, 2.1). Leading axes are a batch.
    """
    a, b, c = COEFFICIENTS
    X = G.reshape(-1, *G.shape[-2:])
    tall = X.shape[1] > X.shape[2]
    X = X.mT if tall else X  # the products are over the shorter side
    X = X / torch.linalg.vector_norm(X, dim=(1, 2), keepdim=True).clamp_min(EPS)
    for _ in range(steps):
        A = torch.bmm(X, X.mT)
        X = torch.baddbmm(X, torch.baddbmm(A, A, A, beta=b, alpha=c), X, beta=a)
    return (X.mT if tall else X).reshape(G.shape)
