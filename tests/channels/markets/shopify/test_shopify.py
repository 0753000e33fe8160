"""The Shopify adapter keeps the rules of every adapter."""

from tests.conformance.suite import Conformance


class TestShopify(Conformance):
    """Against the simulator, over HTTP."""

    kind = "shopify"
