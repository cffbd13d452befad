"""Parts, manifests, commits and the DuckDB views of a run folder (docs/run-folder.md)."""
