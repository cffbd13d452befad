"""A small launcher that takes resource limits on itself and becomes the command:

    python limits.py CPU_SECONDS FILE_BYTES -- COMMAND ARG...

Address space is left alone: node reserves tens of gigabytes of it and never touches them.
"""

import os
import resource
import sys

PROCESSES = 8192  # counts every process and thread of the user, so it only stops a fork bomb
FILES = 4096


def _lower(kind: int, value: int) -> None:
    """Lower one limit; a hard limit that is already lower stays."""
    hard = resource.getrlimit(kind)[1]
    wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (wanted, wanted))


def main(argv: list[str]) -> None:
    at = argv.index("--")
    cpu, size = (int(a) for a in argv[1:at])
    _lower(resource.RLIMIT_CPU, cpu)
    _lower(resource.RLIMIT_FSIZE, size)
    _lower(resource.RLIMIT_NPROC, PROCESSES)
    _lower(resource.RLIMIT_NOFILE, FILES)
    _lower(resource.RLIMIT_CORE, 0)
    command = argv[at + 1 :]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"cannot execute {command[0]}: {error.strerror}\n")
        raise SystemExit(127) from error


if __name__ == "__main__":
    main(sys.argv)
