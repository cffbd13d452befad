"""String formats as expressions: narrower than the standards where they are exotic, never wider."""

from __future__ import annotations

from functools import cache

from model_core.enforcer.closing import has_text
from model_core.enforcer.expr import Builder, Node
from model_core.enforcer.regex import PatternError, pattern_expr

_D29 = "(0[1-9]|1[0-9]|2[0-8])"
_LEAP = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DATE = (
    f"([1-9][0-9]{{3}}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-{_D29})"
    f"|{_LEAP.replace('([0-9][0-9](', '([1-9][0-9](', 1).replace('([02468][048]', '([2468][048]')}-02-29)"
)
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?"
_ZONE = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_N = "[1-9][0-9]{0,3}"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_HOST = f"({_LABEL}\\.){{0,4}}[A-Za-z]([A-Za-z0-9-]{{0,20}}[A-Za-z0-9])?"
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_SAFE = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_SPELLED = {
    "date": _DATE,
    "date-time": f"{_DATE}T{_CLOCK}{_ZONE}",
    "time": f"{_CLOCK}{_ZONE}",
    "duration": f"P({_N}W|{_N}D(T{_N}[HMS])?|T{_N}[HMS]|{_N}[YM])",
    "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    "email": f"[A-Za-z0-9_+-]{{1,20}}(\\.[A-Za-z0-9_+-]{{1,20}}){{0,2}}@({_LABEL}\\.){{1,3}}[A-Za-z]{{2,10}}",
    "hostname": _HOST,
    "ipv4": f"({_BYTE}\\.){{3}}{_BYTE}",
    "ipv6": "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
    "uri": f"[A-Za-z][A-Za-z0-9+.-]{{0,15}}://{_HOST}(:[1-9][0-9]{{0,3}})?(/{_SAFE}*)*"
    f"(\\?({_SAFE}|[/?])*)?(#({_SAFE}|[/?])*)?",
}
_SPELLED["idn-email"], _SPELLED["idn-hostname"], _SPELLED["iri"] = (_SPELLED[n] for n in ("email", "hostname", "uri"))
_SPELLED["uri-reference"] = _SPELLED["iri-reference"] = f"{_SPELLED['uri']}|/{_SAFE}*(/{_SAFE}*)*"
# Formats that say something about a string which is not expressed here.
REFUSED = {"json-pointer", "relative-json-pointer", "regex", "uri-template"}


def format_expr(make: Builder, name: str) -> Node | None:
    """The texts of a format, without quotes; None for a name that says nothing about the text."""
    spelled = _SPELLED.get(name)
    return None if spelled is None else pattern_expr(make, f"^({spelled})$")


@cache
def format_implies(name: str, pattern: str) -> bool:
    """Whether each text of the format matches the pattern."""
    make = Builder()
    wanted = format_expr(make, name)
    if wanted is None:
        return False
    try:
        return not has_text(make, make.both(wanted, make.no(pattern_expr(make, pattern))))
    except PatternError:
        return False
