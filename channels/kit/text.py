"""Text as it may be stored and sent on.

Invariant: no NUL and no half surrogate pair passes: JSON may carry both, neither UTF-8 nor a database takes them.
"""


def storable(text: str) -> str:
    """The text without NUL, half pairs replaced by a question mark."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
