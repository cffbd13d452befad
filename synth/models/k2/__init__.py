"""The K2 core as a model of a pipeline: workers that hold an engine, and the client that shares requests out to them.

With `cli_serve` and its like, the only room that imports `model_core`; it knows nothing of Ray (`synth/ray_models.py`).
"""
