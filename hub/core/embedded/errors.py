"""What can go wrong with the embedded servers: one error whose text tells the operator what to do."""


class EmbeddedError(Exception):
    """A server cannot be started or reached; the text says why and, where that helps, quotes the end of its log."""
