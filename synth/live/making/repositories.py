"""A git repository with a few commits, branches, and work that is not committed yet."""

from __future__ import annotations

import shlex

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import COLOURS, GOODS, TOPICS, VERBS, listed, some

REPO = "/work/repo"
NOTE = "The repository is at /work/repo."


class _Repo:
    """Files `notes/*.txt` on `main`; `edited` are changed and not staged, `branches` stand at the last commit."""

    def __init__(self, d: Draft, edits: int = 0, commits: int = 3) -> None:
        d.notes = [NOTE]
        self.d = d
        topics = some(d.rng, TOPICS, commits + 3)
        self.messages = [f"{d.pick(('Add', 'Describe', 'Start'))} the {t} notes" for t in topics[:commits]]
        self.paths = [f"notes/{t}.txt" for t in topics[:commits]]
        self.texts = {p: f"{d.pick(VERBS)} the {d.pick(GOODS)}\n{d.pick(COLOURS)}\n" for p in self.paths}
        self.branches = some(d.rng, ("draft", "review", "release", "trial", "autumn", "spring"), 2)
        self.edited = some(d.rng, self.paths, edits)
        self.script = [f"mkdir -p {REPO}/notes", f"cd {REPO}", "git init -q -b main ."]
        for path, message in zip(self.paths, self.messages, strict=True):
            self.write(path, self.texts[path])
            self.script += [f"git add {path}", f"git commit -q -m {shlex.quote(message)}"]
        self.script += [f"git branch {b}" for b in self.branches]
        for path in self.edited:
            self.texts[path] += f"{d.pick(VERBS)} the {d.pick(GOODS)}\n"
            self.write(path, self.texts[path])
        self.commits = commits

    def write(self, path: str, text: str) -> None:
        self.script.append(f"printf %s {shlex.quote(text)} > {path}")

    def finish(self) -> None:
        self.d.setup["run"] = [" && ".join(self.script)]

    def committed(self, branch: str, message: str, commits: int, **what: list[str]) -> None:
        """One more commit on a branch."""
        self.d.inserted("Commit", None, message=message, **{"added": [], "removed": [], "edited": [], **what})
        self.d.updated("Branch", f"repo:{branch}", tip=message, commits=commits)


def _message(d: Draft) -> str:
    return f"{d.pick(VERBS).capitalize()} the {d.pick(COLOURS)} {d.pick(GOODS)}"


def commit(d: Draft) -> None:
    repo = _Repo(d, edits=1)
    path, message = repo.edited[0], _message(d)
    d.keep(message, path)
    d.ask(f'commit my change in {path} with the message "{message}"', f'stage {path} and commit it as "{message}"')
    d.step("git_status", {"repo_path": REPO})
    d.step("git_add", {"repo_path": REPO, "files": [path]}, "write")
    d.step("git_commit", {"repo_path": REPO, "message": message}, "write")
    repo.committed("main", message, repo.commits + 1, edited=[path])
    d.say(f'I\'ve committed {path} with the message "{message}".', f'Done: I\'ve committed the change as "{message}".')
    repo.finish()


def stage_one(d: Draft) -> None:
    repo = _Repo(d, edits=2)
    path = repo.edited[0]
    d.keep(path)
    d.ask(f"stage {path} and nothing else", f"add {path} to the index, but do not commit yet")
    d.step("git_status", {"repo_path": REPO})
    d.step("git_add", {"repo_path": REPO, "files": [path]}, "write")
    d.inserted("Staged", f"repo/{path}", how="edited")
    d.say(f"I've staged {path}.", f"Done: I've added {path} to the index.")
    repo.finish()


def unstage(d: Draft) -> None:
    repo = _Repo(d, edits=2)
    repo.script.append(f"git add {' '.join(repo.edited)}")
    d.ask(
        "take everything out of the index again, without losing the changes in the files",
        "unstage all that is staged, but keep the files as they are",
    )
    d.step("git_status", {"repo_path": REPO})
    d.step("git_reset", {"repo_path": REPO}, "write")
    for path in repo.edited:
        d.deleted("Staged", f"repo/{path}")
    d.say(
        f"I've unstaged {listed(repo.edited)}.",
        f"Done: I've reset the index, {listed(repo.edited)} are no longer staged.",
    )
    repo.finish()


def branch(d: Draft) -> None:
    repo = _Repo(d)
    base, name = d.pick([*repo.branches, "main"]), f"{d.pick(('topic', 'fix', 'idea'))}/{d.pick(TOPICS)}"
    d.keep(base, name)
    d.ask(f"create a branch {name} from {base}", f"make a new branch called {name} that starts at {base}")
    d.step("git_create_branch", {"repo_path": REPO, "branch_name": name, "base_branch": base}, "write")
    d.inserted("Branch", f"repo:{name}", tip=repo.messages[-1], commits=repo.commits)
    d.say(f"I've created the branch {name} from {base}.", f"Done: I've made {name}, starting at {base}.")
    repo.finish()


def switch(d: Draft) -> None:
    repo = _Repo(d)
    name = d.pick(repo.branches)
    d.keep(name)
    d.ask(f"switch to the branch {name}", f"check out {name}")
    d.step("git_branch", {"repo_path": REPO, "branch_type": "local"}, work=("/branch_type",))
    d.step("git_checkout", {"repo_path": REPO, "branch_name": name}, "write")
    d.updated("Repository", "repo", branch=name)
    d.say(f"I've switched to {name}.", f"Done: I've checked out {name}.")
    repo.finish()


def latest(d: Draft) -> None:
    repo = _Repo(d, commits=d.rng.randint(2, 5))
    d.question(
        ("what is the message of the last commit on main", "the message of the last commit on main"),
        ("what did the latest commit say", "what the latest commit said"),
    )
    d.step("git_log", {"repo_path": REPO, "max_count": 1})
    d.tell(repo.messages[-1], f'the last commit says "{repo.messages[-1]}"')
    d.say(f'The last commit says "{repo.messages[-1]}".', f'Its message is "{repo.messages[-1]}".')
    repo.finish()


def how_many(d: Draft) -> None:
    repo = _Repo(d, commits=d.rng.randint(3, 6))
    d.question(
        (
            "how many commits are there on main, and what is the message of the first one",
            "how many commits there are on main and the message of the oldest",
        )
    )
    d.step("git_log", {"repo_path": REPO, "max_count": 50})
    d.tell(repo.commits, f"there are {repo.commits} commits")
    d.tell(repo.messages[0], f'the first one says "{repo.messages[0]}"')
    d.say(f'There are {repo.commits} commits; the first one says "{repo.messages[0]}".')
    repo.finish()


def what_changed(d: Draft) -> None:
    repo = _Repo(d, edits=1)
    path = repo.edited[0]
    line = repo.texts[path].splitlines()[-1]
    d.question(
        (
            "which file have I changed without committing, and which line did I add",
            "which file I changed without committing, and the line that I added",
        )
    )
    d.step("git_diff_unstaged", {"repo_path": REPO})
    d.tell(path, f"the file is {path}")
    d.tell(line, f'the new line is "{line}"')
    d.say(f'You changed {path}; the new line is "{line}".', f'It is {path}, with the new line "{line}".')
    repo.finish()


def commit_what_is_there(d: Draft) -> None:
    repo = _Repo(d, edits=1)
    path, message = repo.edited[0], _message(d)
    d.keep(message)
    d.ask(
        f'find out which file I changed, and commit it with the message "{message}"',
        f'commit whatever file I edited as "{message}"; look first which it is',
    )
    d.step("git_status", {"repo_path": REPO})
    d.step("git_add", {"repo_path": REPO, "files": [path]}, "write", work=("/files/0",))
    d.step("git_commit", {"repo_path": REPO, "message": message}, "write")
    repo.committed("main", message, repo.commits + 1, edited=[path])
    d.say(
        f'You had changed {path}; I\'ve committed it as "{message}".',
        f'I\'ve committed {path} with the message "{message}".',
    )
    repo.finish()


def no_message(d: Draft) -> None:
    repo = _Repo(d, edits=1)
    path, message = repo.edited[0], _message(d)
    d.keep(path, message)
    d.ask(f"commit my change in {path}", f"stage and commit {path}")
    d.step("git_add", {"repo_path": REPO, "files": [path]}, "write")
    step = d.step(
        "git_commit", {"repo_path": REPO, "message": message}, "write", sources={"/message": d.told("message")}
    )
    d.hidden(
        "message",
        f'The message is "{message}"',
        message,
        ["message", "commit message", "say"],
        d.pick(("Which commit message should I use?", "What should the commit message say?")),
        step,
    )
    repo.committed("main", message, repo.commits + 1, edited=[path])
    d.say(f'I\'ve committed {path} as "{message}".', f'Done: I\'ve committed it with the message "{message}".')
    repo.finish()


def work_on_a_branch(d: Draft) -> None:
    repo = _Repo(d, edits=1)
    path, message, name = repo.edited[0], _message(d), f"topic/{d.pick(TOPICS)}"
    d.keep(path, message, name)
    d.ask(f"create a branch {name} from main and switch to it", f"start a new branch {name} from main and check it out")
    d.step("git_create_branch", {"repo_path": REPO, "branch_name": name, "base_branch": "main"}, "write")
    d.step("git_checkout", {"repo_path": REPO, "branch_name": name}, "write")
    d.say(f"I've created {name} and checked it out.", f"Done: I've made {name} and switched to it.")
    d.then()
    d.ask(f'commit {path} there with the message "{message}"', f'now commit my change in {path} as "{message}"')
    d.step("git_add", {"repo_path": REPO, "files": [path]}, "write")
    d.step("git_commit", {"repo_path": REPO, "message": message}, "write")
    d.inserted("Commit", None, message=message, added=[], removed=[], edited=[path])
    d.inserted("Branch", f"repo:{name}", tip=message, commits=repo.commits + 1)
    d.updated("Repository", "repo", branch=name)
    d.say(f"I've committed {path} on {name}.", f'Done: I\'ve committed it as "{message}".')
    repo.finish()


FAMILIES = {
    "commit": Family("single", commit),
    "stage_one": Family("single", stage_one),
    "unstage": Family("single", unstage),
    "branch": Family("single", branch),
    "switch": Family("single", switch),
    "latest": Family("single", latest),
    "how_many": Family("single", how_many),
    "what_changed": Family("single", what_changed),
    "commit_what_is_there": Family("chain", commit_what_is_there),
    "no_message": Family("clarify", no_message),
    "work_on_a_branch": Family("multi_turn", work_on_a_branch),
}
