"""The K2 model core: architecture, tokens and chat format, engine, training. Imports none of the other packages."""
