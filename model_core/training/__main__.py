"""`python -m model_core.training JOB.json --out DIR`: a training job on a machine that has torch and numpy alone."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def main() -> int:
    """Read the job, run it; one sentence and exit code 2 where the job is wrong."""
    parser = argparse.ArgumentParser(prog="python -m model_core.training", description=__doc__)
    parser.add_argument("job", type=Path, help="a JSON file with the fields of model_core.training.Job")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a run found there goes on")
    options = parser.parse_args()
    # batches differ in length: without this the allocator keeps a block for each
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    from model_core.errors import ModelError
    from model_core.training.job import Job, run_job

    try:
        job = Job.from_json(json.loads(options.job.read_text()))
        print(run_job(job, options.out, lambda line: print(line, flush=True)))
    except (ModelError, json.JSONDecodeError) as error:
        print(f"{options.job}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
