"""What the stock pool tells the other domains, by the outbox.

    stock.received       {move_id, sku_id, warehouse_id, qty, unit_cost, reference, at}
    stock.adjusted       {move_id, sku_id, warehouse_id, qty_delta, reason, reference, at}
    stock.claims_voided  {keys}            claims that lost their units to a count below what was reserved
    listing.mapped       {listing_id, sku_id}

Ids that fit are numbers, UUIDs and money are text, instants ISO 8601.
"""

STOCK_RECEIVED = "stock.received"
STOCK_ADJUSTED = "stock.adjusted"
CLAIMS_VOIDED = "stock.claims_voided"
LISTING_MAPPED = "listing.mapped"
