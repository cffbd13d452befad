"""Requests that are split into tasks, done one after the other."""

from __future__ import annotations

from typing import Any

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import COLOURS, GOODS, ROOMS, TOPICS, VERBS, some


def _task(d: Draft) -> dict[str, str]:
    verb, thing, room = d.pick(VERBS), d.pick(GOODS), d.pick(ROOMS)
    return {
        "title": f"{verb.capitalize()} the {thing}",
        "description": f"{verb} the {d.pick(COLOURS)} {thing} in the {room}",
    }


def _tasks(d: Draft, n: int) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    while len(found) < n:
        one = _task(d)
        found[one["title"]] = one
    return list(found.values())


class _Plan:
    """Requests `req-1` ... with their tasks, numbered through."""

    def __init__(self, d: Draft, n: int = 2) -> None:
        self.d = d
        self.requests = [
            f"{d.pick(('Renew', 'Move', 'Prepare', 'Reopen'))} the {topic}" for topic in some(d.rng, TOPICS, n)
        ]
        sizes = [d.rng.randint(2, 4) for _ in self.requests]
        pool = iter(_tasks(d, sum(sizes) + 3))
        self.tasks = [[next(pool) for _ in range(size)] for size in sizes]
        self.more = list(pool)
        d.keep(*self.requests)
        d.setup["calls"] = [
            ["request_planning", {"originalRequest": text, "tasks": tasks}]
            for text, tasks in zip(self.requests, self.tasks, strict=True)
        ]

    def id(self, n: int) -> str:
        return f"req-{n + 1}"

    def first(self, n: int) -> str:
        """The id of the first task of a request."""
        return f"task-{1 + sum(len(t) for t in self.tasks[:n])}"

    def find(self, n: int) -> tuple[int, Any]:
        """The expert looks for a request that was named by its words."""
        step = self.d.step("list_requests", {})
        return step, self.d.of(step, "requests", n, "requestId")


def plan(d: Draft) -> None:
    p = _Plan(d, 1)
    text = f"{d.pick(('Paint', 'Sell', 'Insure'))} the {d.pick(COLOURS)} {d.pick(TOPICS)}"
    tasks = p.more[: d.rng.randint(2, 3)]
    d.keep(text, *(v for t in tasks for v in t.values()))
    said = "; ".join(f'"{t["title"]}" ({t["description"]})' for t in tasks)
    d.ask(
        f'plan a new request "{text}" with these tasks, title first, description in brackets: {said}',
        f'set up the request "{text}". Its tasks, each with its description in brackets, are {said}',
    )
    d.step("request_planning", {"originalRequest": text, "tasks": tasks}, "write")
    d.inserted("requests", None, originalRequest=text, completed=False)
    for task in tasks:
        d.inserted("tasks", None, **task, done=False, approved=False)
    d.say(f'I\'ve planned the request "{text}".', f'Done: I\'ve set up "{text}" with its tasks.')


def more(d: Draft) -> None:
    p = _Plan(d)
    n, task = d.rng.randrange(2), p.more[0]
    d.keep(*task.values())
    d.ask(
        f'add a task to the request "{p.requests[n]}": "{task["title"]}", described as "{task["description"]}"',
        f'the request "{p.requests[n]}" needs one more task; add "{task["title"]}", "{task["description"]}"',
    )
    _, source = p.find(n)
    d.step("add_tasks_to_request", {"requestId": p.id(n), "tasks": [task]}, "write", sources={"/requestId": source})
    d.inserted("tasks", None, **task, done=False, approved=False)
    d.say(f'I\'ve added the task "{task["title"]}".', f'Done: I\'ve added "{task["title"]}" to the request.')


def _next(d: Draft, p: _Plan, n: int) -> tuple[Any, Any]:
    """Sources of the request's id and of its next task's."""
    _, source = p.find(n)
    step = d.step("get_next_task", {"requestId": p.id(n)}, sources={"/requestId": source})
    return source, d.of(step, "task", "id")


def done(d: Draft) -> None:
    p = _Plan(d)
    n = d.rng.randrange(2)
    details = f"Finished with the {d.pick(COLOURS)} {d.pick(GOODS)}"
    d.keep(details)
    d.ask(
        f'mark the next task of "{p.requests[n]}" as done, with the details "{details}"',
        f'the next task of the request "{p.requests[n]}" is finished, mark it done and note "{details}"',
    )
    request, task = _next(d, p, n)
    d.step(
        "mark_task_done",
        {"requestId": p.id(n), "taskId": p.first(n), "completedDetails": details},
        "write",
        sources={"/requestId": request, "/taskId": task},
    )
    d.updated("tasks", f"{p.id(n)}/{p.first(n)}", done=True, completedDetails=details)
    title = p.tasks[n][0]["title"]
    d.say(f'I\'ve marked "{title}" as done.', f'Done: I\'ve marked the task "{title}" as done.')


def retitle(d: Draft) -> None:
    p = _Plan(d)
    n, new = d.rng.randrange(2), p.more[1]["title"]
    d.keep(new)
    d.ask(
        f'rename the next task of "{p.requests[n]}" to "{new}"',
        f'give the next task of the request "{p.requests[n]}" the title "{new}"',
    )
    request, task = _next(d, p, n)
    d.step(
        "update_task",
        {"requestId": p.id(n), "taskId": p.first(n), "title": new},
        "write",
        sources={"/requestId": request, "/taskId": task},
    )
    d.updated("tasks", f"{p.id(n)}/{p.first(n)}", title=new)
    d.say(f'I\'ve renamed it to "{new}".', f'Done: I\'ve changed the title to "{new}".')


def drop(d: Draft) -> None:
    p = _Plan(d)
    n = d.rng.randrange(2)
    d.ask(
        f'delete the next task of "{p.requests[n]}"',
        f'remove the task that comes next in the request "{p.requests[n]}"',
    )
    request, task = _next(d, p, n)
    d.step(
        "delete_task",
        {"requestId": p.id(n), "taskId": p.first(n)},
        "write",
        sources={"/requestId": request, "/taskId": task},
    )
    d.deleted("tasks", f"{p.id(n)}/{p.first(n)}")
    title = p.tasks[n][0]["title"]
    d.say(f'I\'ve deleted "{title}".', f'Done: I\'ve removed the task "{title}".')


def what_next(d: Draft) -> None:
    p = _Plan(d)
    n = d.rng.randrange(2)
    d.question(
        (f'what is the next task of "{p.requests[n]}"', f'the next task of the request "{p.requests[n]}"'),
        (f'what comes next in the request "{p.requests[n]}"', f'what comes next in the request "{p.requests[n]}"'),
    )
    _next(d, p, n)
    title = p.tasks[n][0]["title"]
    d.tell(title, f'the next task is "{title}"')
    d.say(f'The next task is "{title}".', f'Next comes "{title}".')


def how_many(d: Draft) -> None:
    p = _Plan(d, 3)
    n = d.rng.randrange(3)
    count = len(p.tasks[n])
    d.question(
        (f'how many tasks does the request "{p.requests[n]}" have', f'how many tasks the request "{p.requests[n]}" has')
    )
    p.find(n)
    d.tell(count, f"it has {count} tasks")
    d.say(f"It has {count} tasks.", f"There are {count} tasks in it.")


def approve(d: Draft) -> None:
    p = _Plan(d)
    n = d.rng.randrange(2)
    details = f"Finished with the {d.pick(COLOURS)} {d.pick(GOODS)}"
    d.keep(details)
    d.ask(f'mark the next task of "{p.requests[n]}" as done, with the details "{details}"')
    request, task = _next(d, p, n)
    ids = {"requestId": p.id(n), "taskId": p.first(n)}
    sources = {"/requestId": request, "/taskId": task}
    d.step("mark_task_done", {**ids, "completedDetails": details}, "write", sources=sources)
    title = p.tasks[n][0]["title"]
    d.say(f'I\'ve marked "{title}" as done.', f'Done: "{title}" has been marked as done.')
    d.then()
    d.ask("approve it too", "approve that task as well", "approve the task that you just marked")
    d.step("approve_task_completion", ids, "write", sources=sources)
    d.updated("tasks", f"{p.id(n)}/{p.first(n)}", done=True, approved=True, completedDetails=details)
    d.say(f'I\'ve approved "{title}".', f'Done: I\'ve approved the task "{title}".')


def no_details(d: Draft) -> None:
    p = _Plan(d)
    n = d.rng.randrange(2)
    new = f"{d.pick(VERBS)} the {d.pick(COLOURS)} {d.pick(GOODS)} twice"
    d.ask(
        f'give the next task of "{p.requests[n]}" a new description',
        f'change the description of the next task in the request "{p.requests[n]}"',
    )
    request, task = _next(d, p, n)
    step = d.step(
        "update_task",
        {"requestId": p.id(n), "taskId": p.first(n), "description": new},
        "write",
        sources={"/requestId": request, "/taskId": task, "/description": d.told("description")},
    )
    d.hidden(
        "description",
        f'The new description is "{new}"',
        new,
        ["description", "describe", "say"],
        d.pick(("What should the new description be?", "Which description should I enter?")),
        step,
    )
    d.updated("tasks", f"{p.id(n)}/{p.first(n)}", description=new)
    d.say(f'I\'ve changed the description to "{new}".', f'Done: I\'ve set the description to "{new}".')


FAMILIES = {
    "plan": Family("single", plan),
    "how_many": Family("single", how_many),
    "more": Family("chain", more),
    "done": Family("chain", done),
    "retitle": Family("chain", retitle),
    "drop": Family("chain", drop),
    "what_next": Family("chain", what_next),
    "approve": Family("multi_turn", approve),
    "no_details": Family("clarify", no_details),
}
