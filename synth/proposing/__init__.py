"""What a configured model writes: new worlds, new tools of evolved worlds, new descriptions. It proposes in the closed
language of `synth.worlds`; loading, checks and admission decide, and everything it wrote is marked as its own."""

from synth.proposing.slots import propose_worlds, revise

__all__ = ["propose_worlds", "revise"]
