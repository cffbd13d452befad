"""Places: where calls are really run, in a sandbox or by a live server, as rows of the pipeline."""
