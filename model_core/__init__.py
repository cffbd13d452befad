"""The K2 core: architecture, checkpoints, tokens and chat format, engine, optimizer, training.

Nothing is here yet. The pipeline's embedded policy is `expert`, the planner that knows the ground truth; the model core
arrives with its own change and is reached only through `synth.models`.
"""
