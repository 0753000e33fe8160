"""Items and their SKUs become listings: pure.

Invariant: a listing's external id is what order lines name: the sku_id, or the num_iid of an item without SKUs.
Source: channel facts, sections 2.3 and 2.4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.kit.errors import BadAnswer
from channels.kit.fields import Malformed, code, ident, units, words
from channels.kit.types import ChannelListing


def items_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The items of an onsale answer."""
    return _inner(body, "items", "item")


def listings_of(items: Sequence[Mapping[str, Any]], sku_body: Mapping[str, Any]) -> list[ChannelListing]:
    """One listing per SKU; one per item that has none. Raises BadAnswer for a malformed one."""
    by_item: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for sku in _inner(sku_body, "skus", "sku"):
            by_item.setdefault(ident(sku.get("num_iid"), "num_iid"), []).append(sku)
        return [
            listing
            for item in items
            for listing in _of_item(item, by_item.get(ident(item.get("num_iid"), "num_iid"), []))
        ]
    except Malformed as error:
        raise BadAnswer(f"items: {error}", code="bad-listing") from error


def _of_item(item: Mapping[str, Any], skus: Sequence[Mapping[str, Any]]) -> list[ChannelListing]:
    num_iid = ident(item.get("num_iid"), "num_iid")
    title = words(item.get("title"))
    item_code = code(item.get("outer_id"), "outer_id")
    if not skus:
        shown = units(item.get("num"), "num", 0)
        return [ChannelListing(external_id=num_iid, sku=item_code, title=title, qty=shown, keys={"num_iid": num_iid})]
    return [_of_sku(sku, num_iid, title, item_code) for sku in skus]


def _of_sku(sku: Mapping[str, Any], num_iid: str, title: str, item_code: str | None) -> ChannelListing:
    sku_id = ident(sku.get("sku_id"), "sku_id")
    return ChannelListing(
        external_id=sku_id,
        sku=code(sku.get("outer_id"), "outer_id") or item_code,
        title=title,
        qty=units(sku.get("quantity"), "quantity", 0),
        keys={"num_iid": num_iid, "sku_id": sku_id},
    )


def _inner(body: Mapping[str, Any], outer: str, inner: str) -> list[Mapping[str, Any]]:
    for name, root in body.items():
        if name.endswith("_response") and isinstance(root, Mapping):
            holder = root.get(outer)
            found = holder.get(inner) if isinstance(holder, Mapping) else holder
            found = [found] if isinstance(found, Mapping) else found or []
            if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
                break
            return found
    raise BadAnswer(f"the answer holds no {outer}", code="wrong-root")
