"""The engine: requests join and leave a running batch at any step; what they share of the cache is computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model_core.engine.paged import PagedCache, Piece
from model_core.engine.pages import Key, Pages
from model_core.engine.requests import Completion, Event, Request
from model_core.engine.sampling import draw, logprobs
from model_core.engine.sequence import Sequence
from model_core.errors import ModelError
from model_core.layout import lay_for_decoding
from model_core.model import Model
from model_core.tokens import Tokenizer

END_TOKENS = ("<|im_end|>", "[EOS]", "[EOT]")  # a turn is over, whatever the request says
# What a constraint may raise; it ends its own request. Anything else is a bug of the engine and goes up.
CONSTRAINT_FAULTS = (ValueError, TypeError, LookupError, RuntimeError, AssertionError)


@dataclass
class Counts:
    """What happened since the engine was made."""

    steps: int = 0
    computed_tokens: int = 0  # fed through the model: prompts, forced and drawn tokens, and what preemption cost
    guessed_tokens: int = 0  # fed besides, on a guess
    right_guesses: int = 0  # of these, said by the model indeed: they are among the computed ones too
    cached_tokens: int = 0  # found in the cache instead
    generated_tokens: int = 0
    preemptions: int = 0
    finished: int = 0


@dataclass
class Turn:
    """What a sequence computes in one pass: its next `tokens`, and a guess at what follows them."""

    sequence: Sequence
    tokens: int
    guess: list[int]
    heard: int = 0  # where its logits begin
    right: int = 0  # guessed tokens that were said


class Engine:
    """Not thread-safe: one thread steps it (`EngineLoop` is that thread).

    `max_batch` sequences run at once; the cache holds `cache_tokens` in pages of `page_tokens`. A step computes every
    running sequence's next token and at most `prefill_chunk` tokens of prompts, so that a long prompt stalls nobody.
    `guess`: so many tokens are looked up in what was there before and checked along with the next one (0: none); they
    change no token that is said.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        *,
        max_batch: int = 32,
        cache_tokens: int = 65536,
        page_tokens: int = 16,
        prefill_chunk: int = 512,
        guess: int = 4,
    ) -> None:
        if min(max_batch, page_tokens, prefill_chunk, guess + 1) < 1 or cache_tokens < page_tokens:
            raise ModelError(
                "max_batch, page_tokens, prefill_chunk must be 1 or more, guess 0 or more, and a page fit in the cache"
            )
        if tokenizer.size > model.config.vocab_size:
            raise ModelError(
                f"the tokenizer has {tokenizer.size} ids, the model {model.config.vocab_size}; they belong together"
            )
        self.model, self.tokenizer = lay_for_decoding(model.eval()), tokenizer
        self.max_batch, self.prefill_chunk, self.guess = max_batch, prefill_chunk, guess
        self.counts = Counts()
        self.pages = Pages(cache_tokens // page_tokens + 1, page_tokens)
        self.cache = PagedCache(model, self.pages.count, page_tokens)
        self.limit = min((self.pages.count - 1) * page_tokens, model.config.max_position_embeddings)
        self._end_ids = frozenset(tokenizer.special[name] for name in END_TOKENS)
        self._forbidden_V = self._unspeakable()
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []  # longest in first
        self._by_id: dict[str, Sequence] = {}

    @property
    def waiting(self) -> int:
        """Requests that are not let in yet."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests in the batch."""
        return len(self._running)

    @property
    def busy(self) -> bool:
        """Whether `step` has anything to do or to tell."""
        return bool(self._by_id)

    def add(self, request: Request) -> None:
        """Queue a request. One that can never fit ends with an error at the next step.

        Raises `ModelError` for an id that is in use, an empty prompt, or a token that the model does not have.
        """
        if request.request_id in self._by_id:
            raise ModelError(f"request {request.request_id!r} is in the engine already; ids must differ")
        if not request.prompt:
            raise ModelError(f"request {request.request_id!r} has an empty prompt; there is nothing to continue")
        wrong = [token for token in request.prompt if not 0 <= token < self.model.config.vocab_size]
        if wrong:
            raise ModelError(f"request {request.request_id!r}: {wrong[0]} is no token; ids go to {self.tokenizer.size}")
        sequence = Sequence(request, self.tokenizer, self._end_ids, self.limit)
        self._by_id[request.request_id] = sequence
        self._waiting.append(sequence)
        if len(request.prompt) >= self.limit:
            fitting = f"cache and model have room for {self.limit - 1}"
            sequence.finish("error", f"the prompt has {len(request.prompt)} tokens; {fitting}")
            return
        self._guarded(sequence, sequence.force)

    def cancel(self, request_id: str) -> None:
        """End a request at the next step, with what it has; one that is not there has ended already."""
        sequence = self._by_id.get(request_id)
        if sequence is not None and sequence.finished is None:
            sequence.finish("cancelled")

    def run(self, requests: Iterable[Request]) -> list[Completion]:
        """All of them to the end, in the order given."""
        wanted = list(requests)
        for request in wanted:
            self.add(request)
        done: dict[str, Completion] = {}
        while len(done) < len(wanted):
            for event in self.step():
                if event.completion:
                    done[event.request_id] = event.completion
        return [done[request.request_id] for request in wanted]

    def step(self) -> list[Event]:
        """One pass of the model over the running batch; what is new of each request."""
        self._leave()
        self._enter()
        turns = self._plan()
        if turns:
            self._compute(turns)
        self._leave()
        events = []
        for request_id, sequence in list(self._by_id.items()):
            event = sequence.news()
            if event is not None:
                events.append(event)
            if sequence.finished is not None:
                del self._by_id[request_id]
                self.counts.finished += 1
        return events

    # Who is in the batch.

    def _enter(self) -> None:
        """Let in who waited longest, while the batch has room and the cache room for what its prompts still need."""
        promised = sum(self._pages_needed(sequence) for sequence in self._running)
        while self._waiting and len(self._running) < self.max_batch:
            sequence = self._waiting[0]
            found = self._reuse(sequence)
            needed = self._pages_needed(sequence)
            if self._running and promised + needed > self.pages.available:
                self._drop_pages(sequence)
                return
            promised += needed
            self._waiting.popleft()
            self._running.append(sequence)
            self._count_reused(sequence, found)

    def _leave(self) -> None:
        """Those that have ended give their pages and places back."""
        ended = [sequence for sequence in self._by_id.values() if sequence.finished is not None]
        for sequence in ended:
            self._drop_pages(sequence)
        if ended:
            self._running = [sequence for sequence in self._running if sequence.finished is None]
            self._waiting = deque(sequence for sequence in self._waiting if sequence.finished is None)

    def _preempt(self, sequence: Sequence) -> None:
        """Back to the head of the queue; its pages are computed again later, as far as they are not found."""
        self._drop_pages(sequence)
        self._running.remove(sequence)
        self._waiting.appendleft(sequence)
        sequence.preempted = True
        self.counts.preemptions += 1

    # Pages.

    def _pages_needed(self, sequence: Sequence) -> int:
        """Pages that it lacks for all its tokens and one more."""
        return max(0, len(sequence.ids) // self.pages.size + 1 - len(sequence.pages))

    def _next_key(self, sequence: Sequence) -> Key | None:
        """The key of the page that its next tokens fill, if they fill one and a token is left to compute after it."""
        size, at = self.pages.size, sequence.computed
        if at % size or at + size >= len(sequence.ids):
            return None
        return self.pages.key_after(sequence.pages, sequence.ids[at : at + size])

    def _reuse(self, sequence: Sequence) -> int:
        """Take up the pages that others computed of what comes next; how many tokens that is."""
        found = 0
        while (key := self._next_key(sequence)) is not None:
            page = self.pages.find(key)
            if page is None:
                break
            sequence.pages.append(page)
            sequence.computed += self.pages.size
            sequence.filled = sequence.computed
            found += self.pages.size
        return found

    def _count_reused(self, sequence: Sequence, found: int) -> None:
        self.counts.cached_tokens += found
        if not sequence.preempted:  # else they may be its own
            sequence.cached += found

    def _drop_pages(self, sequence: Sequence) -> None:
        self.pages.release(sequence.pages)
        sequence.pages, sequence.computed, sequence.filled = [], 0, 0

    def _make_room(self, sequence: Sequence, tokens: int) -> bool:
        """Pages for its next tokens. Those that came after it give way; False if it had to give way itself."""
        wanted = -(-(sequence.computed + tokens) // self.pages.size)
        while len(sequence.pages) < wanted:
            page = self.pages.take()
            if page is not None:
                sequence.pages.append(page)
                continue
            victim = self._running[-1]
            self._preempt(victim)
            if victim is sequence:
                return False
        return True

    def _fill(self, sequence: Sequence) -> None:
        """Its pages that are full now can be found by others."""
        size = self.pages.size
        while sequence.filled + size <= sequence.computed:
            at = sequence.filled // size
            key = self.pages.key_after(sequence.pages[:at], sequence.ids[sequence.filled : sequence.filled + size])
            sequence.pages[at] = self.pages.know(sequence.pages[at], key)
            sequence.filled += size

    # One pass.

    def _plan(self) -> list[Turn]:
        """Who computes how many tokens: all who have few, then prompts in order, up to the chunk.

        A prompt whose next page another one is computing in this pass waits for it.
        """
        budget = self.prefill_chunk
        turns: list[Turn] = []
        in_work: set[Key] = set()
        for sequence in list(self._running):
            if sequence.finished is not None or sequence not in self._running:
                continue
            self._count_reused(sequence, self._reuse(sequence))
            left = len(sequence.ids) - sequence.computed
            guess: list[int] = []
            if sequence.computed >= len(sequence.request.prompt):
                tokens = left  # drawn, and forced after it: never many
                guess = self._guess(sequence)
            else:
                key = self._next_key(sequence)
                tokens = 0 if key in in_work and key is not None else self._chunk(sequence, left, budget)
                if key is not None:
                    in_work.add(key)
                budget -= tokens
            if tokens and self._make_room(sequence, tokens + len(guess)):
                turns.append(Turn(sequence, tokens, guess))
        still = set(map(id, self._running))
        return [turn for turn in turns if id(turn.sequence) in still]

    def _guess(self, sequence: Sequence) -> list[int]:
        """What it may go on with, where the cache has room to try."""
        if not self.guess or sequence.room <= self.guess or self.pages.available <= len(self._running):
            return []
        return sequence.lookup.guess(sequence.ids, self.guess)

    def _chunk(self, sequence: Sequence, left: int, budget: int) -> int:
        """How many of a prompt's tokens to compute: all that are left, or up to the end of a page, to be shared."""
        if left <= budget:
            return left
        whole = (sequence.computed + budget) // self.pages.size * self.pages.size - sequence.computed
        return whole if whole > 0 or budget < self.prefill_chunk else budget

    def _compute(self, turns: list[Turn]) -> None:
        pieces = []
        for turn in turns:
            s, end = turn.sequence, turn.sequence.computed + turn.tokens
            pieces.append(Piece([*s.ids[s.computed : end], *turn.guess], s.computed, s.pages, 1 + len(turn.guess)))
        logits_NV = self.cache.forward(pieces)[:, : self.tokenizer.size]
        self.counts.steps += 1
        ready: list[Turn] = []
        heard = 0
        for turn, piece in zip(turns, pieces, strict=True):
            sequence = turn.sequence
            sequence.computed += turn.tokens
            self.counts.computed_tokens += turn.tokens
            self.counts.guessed_tokens += len(turn.guess)
            turn.heard = heard
            heard += piece.heard
            if sequence.computed == len(sequence.ids):
                sequence.model_steps += 1
                ready.append(turn)
        while ready:
            self._draw(logits_NV, ready)
            ready = [turn for turn in ready if self._was_right(turn)]
        for turn in turns:
            if turn.guess:
                turn.sequence.lookup.learn(turn.right, len(turn.guess))
            if turn.sequence.error is None:
                self._fill(turn.sequence)

    def _was_right(self, turn: Turn) -> bool:
        """Count the guessed tokens that were said; True where all that was said is computed: another can be drawn."""
        sequence = turn.sequence
        if sequence.finished is not None:
            return False
        while turn.right < len(turn.guess) and sequence.computed < len(sequence.ids):
            if turn.guess[turn.right] != sequence.ids[sequence.computed]:
                return False
            turn.right += 1
            sequence.computed += 1
            self.counts.right_guesses += 1
            self.counts.computed_tokens += 1
        return sequence.computed == len(sequence.ids)

    def _draw(self, logits_NV: Tensor, turns: list[Turn]) -> None:
        """The next token of every sequence whose tokens are all computed."""
        turns = [turn for turn in turns if self._guarded(turn.sequence, lambda s=turn.sequence: _ask(s, self))]
        if not turns:
            return
        places = [turn.heard + turn.right for turn in turns]
        logits_BV = logits_NV if places == list(range(len(logits_NV))) else logits_NV[places]
        tokens = draw(logits_BV, [turn.sequence.row for turn in turns], self._forbidden_V)
        for at, (turn, token) in enumerate(zip(turns, tokens, strict=True)):
            sequence = turn.sequence
            if token is None:
                self._spoilt(sequence, bool(logits_BV[at].isnan().any()))
                continue
            top = sequence.request.params.top_logprobs
            logprob = None if top is None else logprobs(logits_BV[at], token, top)
            before = len(sequence.ids)
            self._guarded(sequence, lambda s=sequence, t=token, p=logprob: s.choose(t, p))
            self.counts.generated_tokens += len(sequence.ids) - before

    def _spoilt(self, sequence: Sequence, nan: bool) -> None:
        """No token can be drawn: the numbers went wrong, or the constraint allows nothing."""
        if not nan:
            sequence.finish("error", "the constraint allows no token here")
            return
        sequence.finish("error", "the model's numbers went wrong (nan) in this request")
        for page in sequence.pages:
            self.pages.forget(page)
        pages = sequence.pages
        self._drop_pages(sequence)
        self.cache.wipe(pages)

    def _guarded(self, sequence: Sequence, act: object) -> bool:
        """Do it; what its constraint raises ends the request. True if it goes on."""
        assert callable(act)
        try:
            act()
        except CONSTRAINT_FAULTS as error:
            if sequence.request.constraint is None:
                raise
            sequence.finish("error", f"the constraint failed: {error}")
        return sequence.finished is None

    def _unspeakable(self) -> Tensor:
        """Ids that stand for no token: reserved ones between the special ones."""
        special = set(self.tokenizer.special.values())
        reserved = [token not in special for token in range(min(special), self.tokenizer.size)]
        forbidden = torch.tensor([False] * min(special) + reserved)
        return forbidden.to(self.cache.device)


def _ask(sequence: Sequence, engine: Engine) -> None:
    """Have the constraint say what may come next."""
    constraint = sequence.request.constraint
    if constraint is None:
        return
    if sequence.row.allowed is None:
        sequence.row.allowed = np.zeros(-(-engine.tokenizer.size // 32), dtype=np.int32)
    constraint.mask(sequence.row.allowed)
