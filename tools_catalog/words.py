"""Names taken apart: words, verbs and their effect, plurals. Shared by the effect rule and the describer."""

from __future__ import annotations

import re
from functools import lru_cache

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+[a-z]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ_VERBS = _words(
    """get list read search find fetch query show describe view check count lookup look browse inspect retrieve analyze
    analyse compare preview explain validate verify calculate compute estimate summarize detect discover resolve
    scan status watch monitor download export head tail diff log logs stat stats history info ping test whoami lint
    peek load filter recommend suggest predict forecast convert translate parse evaluate measure audit trace poll
    wait introspect profile sample aggregate autocomplete geocode crawl scrape extract screenshot capture snapshot
    review identify determine classify tokenize encode decode hash format render plot visualize simulate solve lists
    gets subscribe-list see report help echo tree overview summary metrics schema version ls cat grep glob exists
    has is annotate integrate differentiate simplify expand factor hover goto"""
)
WRITE_VERBS = _words(
    """create add update delete remove set send post put patch insert edit write modify move copy rename upload import
    enable disable start stop restart run execute invoke trigger cancel close open archive unarchive restore assign
    unassign approve reject publish unpublish deploy install uninstall attach detach connect disconnect register
    unregister subscribe unsubscribe schedule merge split submit complete reopen lock unlock mark reply forward
    invite revoke grant rotate reset clear purge drop truncate replace append prepend sync refresh generate upsert
    save configure apply commit push pull checkout clone fork rebase stash tag untag label pin unpin follow unfollow
    like unlike vote share unshare transfer duplicate convert-to swap place buy sell order pay refund charge
    capture-payment issue void finalize record log-call click type press hover-on scroll tap swipe fill select drag
    navigate go play pause resume skip seek mute unmute turn toggle switch activate deactivate suspend terminate
    kill scale rollback promote bulk batch make build train draw rotate-key join leave ban unban kick acknowledge
    ack resolve-incident snooze escalate store remember forget link unlink mount unmount init initialize launch boot
    reboot shutdown wake change adjust increase decrease increment decrement extend renew reserve book release free
    ship return notify broadcast dispatch emit ingest index reindex seed migrate manage process perform handle new
    rollout retry redeploy reorder reschedule requeue flush evict expire rebuild recreate reassign regenerate
    delegate compress optimize crop resize arrange group ungroup export-to swipe-left focus dismiss accept decline
    confirm request upgrade downgrade block unblock report-abuse put-item teleport spawn undo redo quit login logout
    signup authenticate authorize setup mutate overwrite concat zip unzip sign encrypt decrypt hide unhide unset
    touch mkdir rm mv cp chmod package mint tokenise schedule-to wait-for swap-to rerun"""
)
VERBS = READ_VERBS | WRITE_VERBS
# Nouns that happen to be verbs elsewhere: they count as verbs only when they lead a name.
_NOUNISH = _words(
    """log logs status stats stat history info test order issue record label tag group report index schema version
    summary overview metrics help tree batch bulk link process profile sample review type head tail is has new share
    reserve scale change train lock watch monitor focus view count play store book request build release filter
    block format hash trace free return ship plot schedule go switch export import select audit commit merge branch
    diff sign place press"""
)
_PLAIN = _words("get list create update delete add remove set search find fetch read write send")
_ALSO_NOUNS = frozenset(("list", "search", "find", "read", "set", "update"))
_SECOND_CHOICE = frozenset(("import", "export", "build", "test"))
_BARE_AFTER = _words("by as in via per at")
_SMALL = _words("to from for by of in on at with and or as per via into the a an all between")
_ACRONYMS = _words(
    """id url uri api sql csv json xml html pdf ip dns ssl tls ssh vm vpc cpu gpu ui ux http https aws gcp iam s3 ec2
    rds sms mfa otp sku pr ci cd sdk cli crm seo kpi ai llm mcp ssid mac vlan cdn acl arn db rss ttl utc iso crs gpt
    pnl ev 2d 3d svg png jpg gif dbt kb qr usd eur sso faq etf ipo gdp cpi eps cve cidr dhcp nat vpn usb bpm midi
    cdc eia"""
)
_UPPER = {w: w.upper() for w in _ACRONYMS} | {
    "ids": "IDs",
    "urls": "URLs",
    "oauth": "OAuth",
    "apis": "APIs",
    "vms": "VMs",
}
_IRREGULAR = {"person": "people", "child": "children", "man": "men", "index": "indexes", "data": "data"}
_UNCOUNTABLE = _words(
    """data info information status weather metadata access content health text code history time news usage traffic
    memory analytics billing money support feedback permission storage configuration config settings help auth
    hardware software audio video music equipment balance gdp inflation stock"""
)


@lru_cache(maxsize=65536)
def split_words(name: str) -> tuple[str, ...]:
    """Lower-case words of a snake, kebab, dotted, spaced or camel-case name; never empty for a name with letters."""
    return tuple(w.lower() for w in _SPLIT.findall(name))


def human(words: tuple[str, ...] | list[str]) -> str:
    """Words as they are written in a sentence, acronyms in capitals."""
    return " ".join(_UPPER.get(w, w) for w in words)


def is_plural(word: str) -> bool:
    """Whether a noun takes no article: plural or uncountable."""
    if word in _UNCOUNTABLE or word in _IRREGULAR.values():
        return True
    return word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 2


def plural(word: str) -> str:
    """The plural of a lower-case English noun, by rule."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if is_plural(word):
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def singular(word: str) -> str:
    """The singular of a lower-case English noun, by rule."""
    for one, many in _IRREGULAR.items():
        if word == many:
            return one
    if word in _UNCOUNTABLE or not is_plural(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def third_person(verb: str) -> str:
    """`list` -> `lists`, `query` -> `queries`, `go` -> `goes`."""
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def article(phrase: str) -> str:
    """`a` or `an` for a noun phrase."""
    first = phrase.split(" ", 1)[0]
    if first.isupper() and len(first) <= 4:
        return "an" if first[0] in "AEFHILMNORSX8" else "a"
    if first.startswith(("use", "uni", "uti", "one", "eur")):
        return "a"
    return "an" if first[:1].lower() in "aeiou" else "a"


def with_articles(words: tuple[str, ...]) -> str:
    """`tag to task` -> `a tag to a task`; plural and uncountable nouns stay bare."""
    chunks: list[list[str]] = [[]]
    for word in words:
        if word in _SMALL:
            chunks.append([word])
            chunks.append([])
        else:
            chunks[-1].append(word)
    parts: list[str] = []
    for chunk in chunks:
        if not chunk:
            continue
        text = human(chunk)
        bare = chunk[0] in _SMALL or is_plural(chunk[-1]) or chunk[-1] == "id" or (parts and parts[-1] in _BARE_AFTER)
        parts.append(text if bare else f"{article(text)} {text}")
    return " ".join(parts)


def is_verb(word: str) -> bool:
    """A known verb, or one with `re` or `un` before it (`reinstall`, `unwatch`)."""
    return word in VERBS or (word[:2] in ("re", "un") and word[2:] in VERBS)


@lru_cache(maxsize=65536)
def find_verb(words: tuple[str, ...]) -> int | None:
    """Index of the word that acts as the verb: the first word, then the last, then any clear verb inside.

    `deploy_plan_get` gets and `order_list` lists: a plain verb at the end outranks a noun-like word at the start.
    """
    if not words:
        return None
    first, last = words[0], words[-1]
    noun_first = first in _NOUNISH or (len(words) > 2 and last not in _ALSO_NOUNS)
    if len(words) > 1 and last in _PLAIN and first not in _PLAIN and noun_first:
        return len(words) - 1
    if is_verb(first):
        return 0
    if is_verb(last) and last not in _NOUNISH:
        return len(words) - 1
    for index, word in enumerate(words[1:-1], 1):
        if is_verb(word) and word not in _NOUNISH:
            return index
    for index, word in enumerate(words[1:], 1):
        if word in _SECOND_CHOICE:
            return index
    return len(words) - 1 if len(words) > 1 and last in VERBS else None


def common_prefix(names: list[str]) -> str | None:
    """The first word that at least 60 % of three or more tool names share, where it is no verb (`git_status`, ...)."""
    firsts = [w[0] for w in map(split_words, names) if len(w) > 1]
    if len(names) < 3 or not firsts:
        return None
    top = max(sorted(set(firsts)), key=firsts.count)
    return top if firsts.count(top) >= 0.6 * len(names) and (top not in VERBS or top in _NOUNISH) else None
