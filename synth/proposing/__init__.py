"""What a configured model writes: new worlds, new tools of evolved worlds, new descriptions. It proposes in the closed
language of `synth.worlds`; loading, checks and admission decide, and everything it wrote is marked as its own."""

from synth.models.roles import REPAIR
from synth.proposing.slots import propose_worlds, revise

__all__ = ["PROMPTS", "propose_worlds", "revise"]

PROMPTS = (
    "propose_example.j2", "propose_language.j2", "propose_world.j2", "propose_tools.j2", "rewrite_descriptions.j2",
    REPAIR,
)  # fmt: skip
