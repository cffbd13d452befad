"""What a run's tools look like, measured: `synth report`. Reads a run folder, never changes its tables.

`tools` loads them, `schemas` and `form` measure one, `twosample`, `diversity`, `nearest` and `maps` measure a set.
"""
