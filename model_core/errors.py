"""The one error of the model core that is meant for a person."""


class ModelError(ValueError):
    """A configuration, checkpoint or request that cannot be used; the message is one sentence with the mend."""
