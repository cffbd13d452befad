"""What each kind of task is made of, a module per family. BUILDERS has one builder per kind."""

from synth.goals.kinds.basic import chain, multi_turn, parallel, single
from synth.goals.kinds.change import change
from synth.goals.kinds.chat import chat
from synth.goals.kinds.clarify import clarify
from synth.goals.kinds.draft import Builder, Draft
from synth.goals.kinds.dual import dual
from synth.goals.kinds.injection import injection
from synth.goals.kinds.long import long
from synth.goals.kinds.no_tool import no_tool
from synth.goals.kinds.policy import policy
from synth.goals.kinds.recover import recover
from synth.records import Kind

BUILDERS: dict[Kind, Builder] = {
    "single": single,
    "parallel": parallel,
    "chain": chain,
    "multi_turn": multi_turn,
    "clarify": clarify,
    "no_tool": no_tool,
    "recover": recover,
    "chat": chat,
    "injection": injection,
    "policy": policy,
    "dual": dual,
    "change": change,
    "long": long,
}

__all__ = ["BUILDERS", "Builder", "Draft"]
