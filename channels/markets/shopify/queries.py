"""What the adapter asks of the Admin GraphQL API.

Invariant: every connection asks for its pageInfo, so that nothing can be cut off unseen. Source: channel
facts, 4.2 to 4.4.
"""

_MONEY = "{ shopMoney { amount currencyCode } }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_LINES = f"""
nodes {{
  id sku title variant {{ id }} quantity currentQuantity unfulfilledQuantity requiresShipping
  originalUnitPriceSet {_MONEY} discountedTotalSet {_MONEY}
  discountAllocations {{ allocatedAmountSet {_MONEY} }} taxLines {{ priceSet {_MONEY} }}
}} {_PAGE}
"""

ORDERS = f"""
query OrdersSince($first: Int!, $after: String, $search: String!, $lines: Int!) {{
  orders(first: $first, after: $after, query: $search, sortKey: UPDATED_AT) {{
    nodes {{
      id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt
      displayFinancialStatus displayFulfillmentStatus taxesIncluded email note
      totalPriceSet {_MONEY} currentTotalPriceSet {_MONEY} totalShippingPriceSet {_MONEY}
      customer {{ displayName }}
      shippingAddress {{ name phone address1 address2 city province zip countryCodeV2 }}
      lineItems(first: $lines) {{ {_LINES} }}
    }} {_PAGE}
  }}
}}
"""

MORE_LINES = f"""
query MoreLines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{ id lineItems(first: $first, after: $after) {{ {_LINES} }} }}
}}
"""

_LEVEL = 'inventoryLevel(locationId: $location) { isActive quantities(names: ["available"]) { name quantity } }'

VARIANTS = f"""
query Variants($first: Int!, $after: String, $location: ID!) {{
  productVariants(first: $first, after: $after) {{
    nodes {{ id sku title displayName inventoryItem {{ id tracked {_LEVEL} }} }} {_PAGE}
  }}
}}
"""

SHOWN = f"""
query Shown($ids: [ID!]!, $location: ID!) {{
  nodes(ids: $ids) {{ ... on InventoryItem {{ id {_LEVEL} }} }}
}}
"""

LOCATIONS = f"query Locations {{ locations(first: 50) {{ nodes {{ id isActive fulfillsOnlineOrders }} {_PAGE} }} }}"

_SET_FIELDS = """
    inventoryAdjustmentGroup { id changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { code field message }
"""

SET_QUANTITIES = f"""
mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {{
  inventorySetQuantities(input: $input) @idempotent(key: $key) {{ {_SET_FIELDS} }}
}}
"""

SET_QUANTITIES_OLD = f"""
mutation SetQuantities($input: InventorySetQuantitiesInput!) {{
  inventorySetQuantities(input: $input) {{ {_SET_FIELDS} }}
}}
"""

FULFILLMENT_ORDERS = f"""
query FulfillmentOrders($id: ID!, $after: String) {{
  order(id: $id) {{
    id cancelledAt fulfillments {{ status trackingInfo {{ number company }} }}
    fulfillmentOrders(first: 10, after: $after) {{
      nodes {{
        id status assignedLocation {{ location {{ id }} }}
        lineItems(first: 250) {{ nodes {{ id remainingQuantity lineItem {{ id }} }} {_PAGE} }}
      }} {_PAGE}
    }}
  }}
}}
"""

FULFIL = """
mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } }
}
"""
