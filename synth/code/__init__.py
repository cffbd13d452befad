"""Code tasks: folders of generated code whose truth is a hidden test suite."""
