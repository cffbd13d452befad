"""A graph of people and places: nodes with observations, and relations."""

from __future__ import annotations

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import FACTS, TOPICS, people, some
from synth.records import canonical

Node = dict[str, object]
_ROLES = ("manages", "cleans", "guards", "supplies", "visits", "photographs")


class _Graph:
    def __init__(self, d: Draft) -> None:
        self.people = people(d.rng, 5)
        facts = some(d.rng, FACTS, 10)
        self.seen = {name: sorted(facts[2 * n : 2 * n + 2]) for n, name in enumerate(self.people)}
        self.places = [f"{topic} house" for topic in some(d.rng, TOPICS, 3)]
        self.relations = [(self.people[n], _ROLES[n], self.places[n % 3]) for n in range(3)]
        self.unused = [f for f in FACTS if f not in facts]
        lines = [{"type": "entity", "name": n, "entityType": "person", "observations": o} for n, o in self.seen.items()]
        lines += [{"type": "entity", "name": p, "entityType": "place", "observations": []} for p in self.places]
        lines += [{"type": "relation", "from": a, "to": b, "relationType": r} for a, r, b in self.relations]
        d.files["memory.jsonl"] = "".join(canonical(line) + "\n" for line in lines)


def _relation(d: Draft, a: str, role: str, b: str, gone: bool = False) -> None:
    key = canonical([a, role, b])
    if gone:
        d.deleted("Relation", key)
    else:
        d.inserted("Relation", key, **{"from": a, "to": b, "relationType": role})


def observe(d: Draft) -> None:
    graph = _Graph(d)
    name, fact = d.pick(graph.people), d.pick(graph.unused)
    d.keep(name, fact)
    d.ask(
        f'note for {name}: "{fact}"', f'remember about {name}: "{fact}"', f'add "{fact}" to what is known about {name}'
    )
    d.step("add_observations", {"observations": [{"entityName": name, "contents": [fact]}]}, "write")
    d.updated("Node", name, observations=sorted([*graph.seen[name], fact]))
    d.say(f'I\'ve noted for {name}: "{fact}".', f'Done: I\'ve added "{fact}" to what is known about {name}.')


def forget(d: Draft) -> None:
    graph = _Graph(d)
    name = d.pick(graph.people)
    gone, kept = some(d.rng, graph.seen[name], 2)
    d.keep(name, gone)
    d.ask(f'remove the note "{gone}" from {name}', f'forget "{gone}" about {name}, it is not true any more')
    d.step("open_nodes", {"names": [name]})
    d.step("delete_observations", {"deletions": [{"entityName": name, "observations": [gone]}]}, "write")
    d.updated("Node", name, observations=[kept])
    d.say(f'I\'ve removed "{gone}" from {name}.', f'Done: I\'ve deleted the note "{gone}" of {name}.')


def who(d: Draft) -> None:
    graph = _Graph(d)
    name = d.pick(graph.people)
    fact = d.pick(graph.seen[name])
    d.keep(fact)
    d.question(
        (f'of whom is it noted "{fact}"', f'of whom it is noted "{fact}"'),
        (f'whose notes say "{fact}"', f'whose notes say "{fact}"'),
    )
    d.step("search_nodes", {"query": fact})
    d.tell(name, f"it is {name}")
    d.say(f"That is {name}.", f"It is noted of {name}.")


def note_for_the_one(d: Draft) -> None:
    graph = _Graph(d)
    at = d.rng.randrange(3)
    name, role, place = graph.relations[at]
    fact = d.pick(graph.unused)
    d.keep(place, role, fact)
    d.ask(
        f'note for the person who {role} the {place}: "{fact}"',
        f'find out who {role} the {place} and add "{fact}" to their notes',
    )
    d.step("search_nodes", {"query": place})
    d.step(
        "add_observations",
        {"observations": [{"entityName": name, "contents": [fact]}]},
        "write",
        work=("/observations/0/entityName",),
    )
    d.updated("Node", name, observations=sorted([*graph.seen[name], fact]))
    d.say(f'The person is {name}; I\'ve added "{fact}".', f'I\'ve noted "{fact}" for {name}, who {role} the {place}.')


def connect(d: Draft) -> None:
    graph = _Graph(d)
    name, place, role = graph.people[4], d.pick(graph.places), d.pick(_ROLES[3:])
    d.keep(name, place, role)
    d.ask(f"record that {name} {role} {place}", f'add a relation from {name} to {place}, of the type "{role}"')
    d.step("create_relations", {"relations": [{"from": name, "to": place, "relationType": role}]}, "write")
    _relation(d, name, role, place)
    d.say(f"I've recorded that {name} {role} {place}.", f"Done: I've added the relation, {name} {role} {place}.")


def hand_over(d: Draft) -> None:
    graph = _Graph(d)
    old, role, place = graph.relations[d.rng.randrange(3)]
    new = graph.people[4]
    d.keep(new, place, role)
    d.ask(
        f"record that from now on {new} {role} {place} instead of whoever does it now",
        f"hand over: {new} {role} {place} from today, so replace the present relation",
    )
    found = d.step("search_nodes", {"query": place})
    d.step(
        "delete_relations",
        {"relations": [{"from": old, "to": place, "relationType": role}]},
        "write",
        work=("/relations/0/from",),
    )
    d.after(found)
    d.step("create_relations", {"relations": [{"from": new, "to": place, "relationType": role}]}, "write")
    _relation(d, old, role, place, gone=True)
    _relation(d, new, role, place)
    d.say(
        f"I've replaced {old} with {new}, who {role} {place} now.",
        f"Done: I've recorded that {new} {role} {place}, and removed the relation of {old}.",
    )


def newcomer(d: Draft) -> None:
    graph = _Graph(d)
    name = d.pick([p for p in people(d.rng, 8) if p not in graph.people])
    fact, place, role = d.pick(graph.unused), d.pick(graph.places), d.pick(_ROLES)
    d.keep(name, fact, place, role)
    d.ask(f'add a person called {name} and note "{fact}"', f'create a new person {name} with the note "{fact}"')
    d.step("create_entities", {"entities": [{"name": name, "entityType": "person", "observations": [fact]}]}, "write")
    d.say(f"I've added {name}.", f"Done, I've created {name}.")
    d.then()
    d.ask(f"record also that {name} {role} {place}", f"connect the new person: {name} {role} {place}")
    d.step("create_relations", {"relations": [{"from": name, "to": place, "relationType": role}]}, "write")
    d.inserted("Node", name, name=name, entityType="person", observations=[fact])
    _relation(d, name, role, place)
    d.say(f"I've recorded that {name} {role} {place}.", f"Done: I've added that {name} {role} {place}.")


def which_kind(d: Draft) -> None:
    graph = _Graph(d)
    name = d.pick([p for p in people(d.rng, 8) if p not in graph.people])
    sort, fact = d.pick(("dealer", "guest", "neighbour", "trainee", "surveyor")), d.pick(graph.unused)
    d.keep(name, fact)
    d.ask(f'add {name} to the graph and note "{fact}"', f'create an entry for {name} with the note "{fact}"')
    step = d.step(
        "create_entities",
        {"entities": [{"name": name, "entityType": sort, "observations": [fact]}]},
        "write",
        sources={"/entities/0/entityType": d.told("sort")},
    )
    d.hidden(
        "sort",
        f"The type is {sort}",
        sort,
        ["type", "kind", "sort", "entity type"],
        d.pick((f"Which type should {name} have?", f"What type of entity is {name}?")),
        step,
    )
    d.inserted("Node", name, name=name, entityType=sort, observations=[fact])
    d.say(f"I've added {name} as {sort}.", f"Done: I've created {name} with the type {sort}.")


def both(d: Draft) -> None:
    graph = _Graph(d)
    one, two = some(d.rng, graph.people, 2)
    a, b = graph.seen[one][0], graph.seen[two][1]
    d.keep(a, b)
    d.question((f'of whom is it noted "{a}", and of whom "{b}"', f'of whom it is noted "{a}" and of whom "{b}"'))
    d.step("search_nodes", {"query": a}, alone=True)
    d.step("search_nodes", {"query": b}, alone=True)
    d.tell(one, f'"{a}" is noted of {one}')
    d.tell(two, f'"{b}" is noted of {two}')
    d.say(f'"{a}" is noted of {one}, and "{b}" of {two}.')


FAMILIES = {
    "observe": Family("single", observe),
    "who": Family("single", who),
    "connect": Family("single", connect),
    "forget": Family("single", forget),
    "note_for_the_one": Family("chain", note_for_the_one),
    "hand_over": Family("chain", hand_over),
    "newcomer": Family("multi_turn", newcomer),
    "which_kind": Family("clarify", which_kind),
    "both": Family("parallel", both),
}
