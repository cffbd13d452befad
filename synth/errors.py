"""The error tree, and the one place that classifies.

    SynthError
    ├── UsageError            the user's file, flag or folder is wrong: one sentence with the mend, exit 2
    │   └── SpecError         a world, tool or expression is wrong: carries the path inside the spec
    ├── RefusedError          the run folder belongs to something else, or too many infra failures: exit 4
    ├── TaskFailure           a slot could not be built; becomes a `failed` row
    │     class_: infra | model | task | judge | budget
    ├── ModelError
    │   ├── ModelUnavailable  retried elsewhere
    │   ├── ModelRefused
    │   └── ModelMalformed    kept with its text
    └── CorruptRun            a committed file does not match its manifest

Three audiences: the *model* sees declared tool errors (data, `worlds.simulate.Result`, never exceptions), the
*operator* sees `failed` rows, the *user at the shell* sees `str(UsageError)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from synth.records import Usage

FailureClass = Literal["infra", "model", "task", "judge", "budget"]


class SynthError(Exception):
    """Base of every error this project raises on purpose."""


class UsageError(SynthError):
    """Something the user can mend; the text is one sentence and names the mend."""


class SpecError(UsageError):
    """A world, tool or expression spec is wrong at `path`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class RefusedError(SynthError):
    """The tool will not go on until the user decides."""


class CorruptRun(SynthError):
    """A committed file is missing or differs from its manifest."""


class TaskFailure(SynthError):
    """A slot ends as a `failed` row of the given class."""

    def __init__(self, class_: FailureClass, boundary: str, detail: str) -> None:
        super().__init__(f"{class_} failure at {boundary}: {detail}")
        self.class_: FailureClass = class_
        self.boundary = boundary
        self.detail = detail

    def __reduce__(self) -> tuple[type[TaskFailure], tuple[FailureClass, str, str]]:
        # crosses Ray process borders, where the default reduce would replay only the formatted text
        return TaskFailure, (self.class_, self.boundary, self.detail)


class ModelError(SynthError):
    """A model backend did not give a usable reply. `usage`: what was spent on it all the same."""

    usage: Usage | None = None


class ModelUnavailable(ModelError):
    """Transport, timeout, 5xx: worth another try elsewhere."""


class ModelRefused(ModelError):
    """The backend refused the request (content filter, 4xx)."""


class ModelMalformed(ModelError):
    """The reply could not be read; `text` keeps it."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


def classify(error: BaseException) -> tuple[FailureClass, str]:
    """Map any exception of a slot to (failure class, one-line detail). Unknown exceptions are `infra`: a bug or a
    broken machine is never the model's or the task's fault."""
    if isinstance(error, TaskFailure):
        return error.class_, error.detail
    if isinstance(error, ModelMalformed) and error.text:
        return "model", f"{error}: {error.text}"
    if isinstance(error, ModelRefused | ModelMalformed):
        return "model", str(error)
    return "infra", f"{type(error).__name__}: {error}"
