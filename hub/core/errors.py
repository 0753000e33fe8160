"""The one error tree of the hub, named for what the caller should do next.

    HubError
    ├── Refused             the request cannot be done as asked: tell the person why (409)
    │   ├── NotFound        there is no such thing (404)
    │   ├── Invalid         the input is wrong: mend it (422)
    │   ├── Conflict        somebody was faster or the key was used for something else (409)
    │   └── Forbidden       this person may not (403)
    └── TryAgain            passing trouble: the same call may succeed later (503)

Domains add their own leaves (stockpool.errors, ...). `code` is stable for programs, `message` an English message id for
people; `facts` fill its %(name)s places. No secret and no buyer data goes into either.
"""


class HubError(Exception):
    """Base of everything that the hub raises on purpose."""

    code = "error"
    status = 500

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message % facts if facts else message)
        self.message = message
        self.facts = facts


class Refused(HubError):
    """It cannot be done as asked."""

    code = "refused"
    status = 409


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"
    status = 404


class Invalid(Refused):
    """The input is wrong."""

    code = "invalid"
    status = 422


class Conflict(Refused):
    """Somebody was faster, or a key was reused with other content."""

    code = "conflict"
    status = 409


class Forbidden(Refused):
    """This person may not do this."""

    code = "forbidden"
    status = 403


class TryAgain(HubError):
    """Passing trouble."""

    code = "try_again"
    status = 503
