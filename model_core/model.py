"""The whole model: embedding, layers of attention and MLP or experts, final norm, head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_core.attention import Held, LatentAttention, Past, absorbing_is_cheaper
from model_core.cache import LatentCache
from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.mlp import SwiGLU
from model_core.moe import Experts, MoE, Router
from model_core.norm import RMSNorm
from model_core.packed import Documents
from model_core.rope import inverse_frequencies, turn_scale, turns


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = LatentAttention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        dense = config.is_dense(layer)
        self.mlp = SwiGLU(config.hidden_size, config.intermediate_size) if dense else MoE(config)

    def forward(self, x_BTD: Tensor, past: Past, held: Tensor | Held | None = None) -> Tensor:
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), past, held)
        return x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))


class Model(nn.Module):
    """Kimi K2 / DeepSeek-V3. `Model(config)` allocates; `initialise` or `load` fills.

    Module names are the public tensor names without `model.`, but for the experts, which are stacked (`names.py`).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        tied = config.tie_word_embeddings
        self.lm_head = None if tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self._inv_freq: Tensor | None = None  # not a buffer: `.to(bfloat16)` would round the frequencies

    @torch.no_grad()
    def initialise(self, seed: int = 0) -> Model:
        """Normal weights of the configured spread, unit norms, zero bias. Same seed, same weights on one device."""
        generator = torch.Generator(device=self.embed_tokens.weight.device).manual_seed(seed)
        for module in self.modules():
            if isinstance(module, RMSNorm):
                module.weight.fill_(1.0)
            elif isinstance(module, nn.Linear | nn.Embedding | Router | Experts):
                for weight in module.parameters(recurse=False):
                    weight.normal_(std=self.config.initializer_range, generator=generator)
            if isinstance(module, Router):
                module.e_score_correction_bias.zero_()
        return self

    def forward(
        self,
        ids_BT: Tensor,
        cache: LatentCache | None = None,
        counts_B: Tensor | None = None,
        absorbed: bool | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Logits [B, T, V] of each token's successor; with a cache, the tokens continue what each row holds.

        `counts_B`: rows padded on the right keep only so many tokens. `absorbed`: force the form of attention (it is
        chosen by cost). `last_only`: logits of the last kept token of each row, [B, 1, V].
        """
        x_BTD = self.hidden(ids_BT, cache, counts_B, absorbed)
        if last_only:
            B, T = ids_BT.shape
            last_B = torch.full((B,), T - 1, device=ids_BT.device) if counts_B is None else counts_B - 1
            x_BTD = x_BTD[torch.arange(B, device=ids_BT.device), last_B].unsqueeze(1)
        return self.head(x_BTD)

    def head(self, x_BTD: Tensor) -> Tensor:
        """Logits of normalised states; a tied head is the embedding read the other way."""
        return F.linear(x_BTD, self.embed_tokens.weight) if self.lm_head is None else self.lm_head(x_BTD)

    def hidden(
        self,
        ids_BT: Tensor,
        cache: LatentCache | None = None,
        counts_B: Tensor | None = None,
        absorbed: bool | None = None,
    ) -> Tensor:
        """The normalised state before the head, [B, T, D]; arguments as in `forward`."""
        if counts_B is not None and cache is None:
            raise ModelError("counts_B says what a cache keeps of padded rows; there is no cache")
        x_BTD = self.through(ids_BT, self.past(ids_BT, cache, absorbed), None if cache is None else cache.latents_LBSX)
        if cache is not None:
            cache.advance(ids_BT.shape[1] if counts_B is None else counts_B)
        return x_BTD

    def through(self, ids_BT: Tensor, past: Past, held: Tensor | Sequence[Held] | None = None) -> Tensor:
        """The normalised state before the head, [B, T, D], where `past` says what each token may see.

        `held` is the cache, layer by layer: [L, B, S, X], or the engine's (`engine/paged.py`).
        """
        x_BTD = self.embed_tokens(ids_BT)
        for layer, block in enumerate(self.layers):
            x_BTD = block(x_BTD, past, None if held is None else held[layer])
        return self.norm(x_BTD)

    def packed(self, ids_1T: Tensor, documents: Documents) -> Tensor:
        """The normalised state before the head, [1, T, D], of several texts in one row, each blind to the others."""
        positions_1T = documents.positions_1T
        return self.through(ids_1T, Past(positions_1T, self.turns(positions_1T), documents=documents))

    def turns(self, positions_BT: Tensor) -> Tensor:
        """The rotations at these positions, [2, B, T, R/2]."""
        frequencies = self._frequencies(positions_BT.device)
        return turns(positions_BT, frequencies, turn_scale(self.config), self.embed_tokens.weight.dtype)

    def past(self, ids_BT: Tensor, cache: LatentCache | None, absorbed: bool | None) -> Past:
        """Positions, rotations and visibility for one pass, computed once for all layers."""
        B, T = ids_BT.shape
        fresh = True
        if cache is None:
            positions_BT = torch.arange(T, device=ids_BT.device).expand(B, T)
        else:
            positions_BT = cache.positions(T)
            fresh = cache.make_room(T)
        if absorbed is None:
            absorbed = not fresh and absorbing_is_cheaper(self.config, T)
        turns_BTr = self.turns(positions_BT)
        visible = None
        if cache is not None and not fresh:
            visible = torch.arange(cache.reach, device=ids_BT.device) <= positions_BT[..., None]
        return Past(positions_BT, turns_BTr, 0 if cache is None else cache.reach, visible, absorbed)

    def _frequencies(self, device: torch.device) -> Tensor:
        if self._inv_freq is None or self._inv_freq.device != device:
            self._inv_freq = inverse_frequencies(self.config, device)
        return self._inv_freq


def next_token_loss(model: Model, ids_BT: Tensor, weights_BT: Tensor | None = None) -> Tensor:
    """Mean cross entropy of each token given those before; `weights_BT` weighs the predicted tokens (0 = no loss)."""
    logits = model(ids_BT[:, :-1]).flatten(0, 1).float()
    losses = F.cross_entropy(logits, ids_BT[:, 1:].flatten(), reduction="none")
    if weights_BT is None:
        return losses.mean()
    weights = weights_BT[:, 1:].flatten().to(losses.dtype)
    return (losses * weights).sum() / weights.sum().clamp_min(1e-9)
