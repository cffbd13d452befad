"""A fork of the warm interpreter becomes `python3 -c SOURCE`."""

import atexit
import gc
import os
import sys
import traceback
from typing import NoReturn


def become_python(source: str, argv: list[str], loaded: dict[str, list[str]]) -> NoReturn:
    """Run source as `python3 -c` would. `loaded`: modules that the server has loaded and a fresh interpreter has not,
    by the name of their outermost package. The standard streams are the server's, which it never used; their
    descriptors are the job's."""
    for file in os.listdir("."):
        for name in loaded.get(file.removesuffix(".py"), ()):
            sys.modules.pop(name, None)  # the job's own module of that name comes first
    gc.freeze()  # a collection would touch, and so copy, every page that is shared with the server
    gc.enable()
    sys.argv = ["-c", *argv]
    sys.path.insert(0, "")
    main = type(sys)("__main__")
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    code = 0
    try:
        exec(compile(source, "<string>", "exec", dont_inherit=True), main.__dict__)  # noqa: S102
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException as error:  # noqa: BLE001  whatever the job raised is its own traceback
        own = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, own)
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    _finish(code)


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _finish(code: int) -> NoReturn:
    """What the interpreter does at its end: threads, atexit, flush."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  as above: the job's own
        traceback.print_exc()
        code = code or 120
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)
