"""The Tmall adapter keeps the rules of every adapter."""

from tests.conformance.suite import Conformance


class TestTmall(Conformance):
    """Against the simulator, over HTTP."""

    kind = "tmall"
