"""One server audited by its id: set-up, facts and lifted worlds found, the audit run."""

from __future__ import annotations

import shutil

from synth.errors import UsageError
from synth.fidelity.drive import Audit, run_audit
from synth.fidelity.learn import Facts, learn
from synth.fidelity.setups import load_setups
from synth.fidelity.twin import Twin
from synth.worlds.lift import lift_server
from tools_catalog import load_catalog, load_servers
from tools_catalog.observed import load_observed

DEFAULT_CALLS = 240


def audit_server(server: str, calls: int = DEFAULT_CALLS, seed: int = 1, pure: bool = False) -> Audit:
    """Audit `server` live; `pure` lifts from names and schemas alone, without what earlier audits observed.

    Raises UsageError where there is no set-up for it or a program is missing, HarvestFailure
    where it cannot be installed."""
    setups = load_setups()
    if server not in setups:
        raise UsageError(f"There is no set-up to audit {server!r} live; there is one for {', '.join(sorted(setups))}.")
    setup, spec, catalog = setups[server], load_servers()[server], load_catalog()
    if setup.service and shutil.which(setup.service[0]) is None:
        raise UsageError(f"{setup.service[0]} is not on PATH; install it to audit {server}.")
    tools = list(catalog.tools_of(server))
    facts = {} if pure else load_observed().get(server, {})
    lift = lift_server(server, spec.category, tools, facts)
    audit = run_audit(spec, setup, tools, lift.worlds, calls, seed)
    audit.observed = bool(facts)
    return audit


def learn_server(server: str, calls: int, seed: int) -> dict[str, Facts]:
    """Facts of `server`'s behaviour, from an audit of its purely lifted worlds. Raises as `audit_server`."""
    audit = audit_server(server, calls, seed, pure=True)
    tools = list(load_catalog().tools_of(server))
    lift = lift_server(server, load_servers()[server].category, tools)
    return learn(audit.compared, Twin(lift.worlds), load_setups()[server])
