"""Jobs: tools that start work which ends later. The work is a row that the clock moves on: queued, running, done."""

from __future__ import annotations

from dataclasses import replace

from synth.worlds.lift import corpus
from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.naming import Words
from synth.worlds.lift.read import Context, Draft, Kind, NotLifted, Reason
from synth.worlds.lift.reads import read as read_rows
from synth.worlds.lift.roles import KeyArg
from synth.worlds.lift.writes import payload

VERBS = lx.wordset(
    """run trigger scan build deploy generate import export sync train crawl backup rebuild redeploy rollback
    migrate ingest optimize retry rerun launch simulate install upgrade refresh reindex start test execute queue"""
)
# what a start of work is called: the noun of its row
_WORK: dict[str, str] = {
    "run": "run", "trigger": "run", "execute": "run", "launch": "run", "start": "run", "rerun": "run", "retry": "run",
    "deploy": "deployment", "redeploy": "deployment", "generate": "generation", "migrate": "migration",
    "install": "installation", "simulate": "simulation", "optimize": "optimization", "ingest": "ingestion",
    "train": "training", "queue": "run",
}  # fmt: skip
# nouns that are work themselves: no second noun is needed for the row
RUNS = lx.wordset(
    """job run build deployment export import scan backup crawl sync migration investigation task execution session
    generation analysis pipeline_run rollout evaluation experiment report simulation training query batch operation
    restore snapshot recording render"""
)
_MADE = lx.wordset("pipeline test speedtest video audio image model song speech")  # what work makes, known by itself
_NEVER = lx.wordset(
    """chart diagram map graph plot table tool command code script function cell sql query statement shell action
    keyboard mouse input app application_live simulator connection markdown html password uuid qr config canvas"""
)
_FILES = lx.wordset(
    """output_path output_file save_path download_path destination_path local_path output_dir target_path save_to
    output destination file_path project_path cwd outputdir targetpath savepath saveto localpath workspace_folder
    workspace_path project_directory app_path"""
)


def read(d: Draft, context: Context, reason: Reason) -> Kind:
    """The start of work over rows of a noun; a download or a wait that names a row reads that row."""
    verb = d.parts.verb
    files = any(a.flat in _FILES or "".join(a.words) in _FILES for a in d.args)
    if verb in ("wait", "poll") or (verb == "download" and not files):
        return _row(d, context, reason)
    if verb not in VERBS or files or d.parts.guessed:
        raise NotLifted("file" if files and verb in ("download", "export") else reason)
    noun = d.parts.noun[-1:] or d.entity[-1:]
    if not d.entity or set(noun) & _NEVER or d.entity[-1] in _NEVER or context.category in corpus.MACHINES:
        raise NotLifted(reason)
    if any(a.flat in lx.ACTION and len(a.enum) > 1 for a in d.args):
        raise NotLifted("multiplexer", f"{verb} among other choices")
    if verb in ("run", "execute") and any(a.words[-1] in ("query", "statement", "sql") for a in d.args):
        raise NotLifted("code")
    if any(k.many and k.arg.required for k in d.keys):
        raise NotLifted("batch")
    _own(d)
    if verb in ("start", "test", "refresh") and d.own is None and not payload(d):
        raise NotLifted(reason)
    if d.own is None and not payload(d) and d.entity[-1] not in RUNS:
        raise NotLifted(reason, "nothing says over what")
    bound = [
        replace(b, role="key", noun=d.entity) if d.own is not None and b.arg.name == d.own.arg.name else b
        for b in bind(d, context, "create")
    ]
    d.table = work(d.entity, verb)
    if d.own is None and d.entity not in context.nouns.known and d.entity[-1] not in RUNS | _MADE:
        raise NotLifted(reason, "work over a noun that nothing else names")
    return "job", bound, ()


def work(entity: Words, verb: str) -> Words:
    """The noun of the row that stands for the work."""
    return entity if entity[-1] in RUNS else (*entity, _WORK.get(verb, verb))


def _row(d: Draft, context: Context, reason: Reason) -> Kind:
    """`wait_for_job(job_id)`, `download_attachment(id)`: the row is read."""
    _own(d)
    if d.own is None or not d.own.arg.required or d.own.many or not d.entity:
        raise NotLifted(reason)
    d.parts = replace(d.parts, verb="get")
    d.plural = False
    d.doubt(0.05, "read of the row it waits for or fetches")
    return read_rows(d, context)


def _own(d: Draft) -> None:
    """The only required key names the row worked on, also where the tool's noun is the work (`trigger_dag_run`)."""
    if d.own is not None:
        if not d.own.arg.required:
            d.own = None
        return
    named = [k for k in d.keys if k.arg.required and not k.many]
    if len(named) == 1 and (not d.entity or d.entity[-len(named[0].noun) :] == named[0].noun or named[0].bare):
        d.own = KeyArg(named[0].arg, (), named[0].tail)
        d.others = [k for k in d.others if k.arg.name != d.own.arg.name]
        d.entity = d.entity or named[0].noun
