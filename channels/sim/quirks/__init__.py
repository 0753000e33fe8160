"""One file per marketplace: its protocol and its quirks, each with the source that shows it.

Source tags: [S] Shopify Admin GraphQL schemas 2025-10 to 2026-10 and shopify.dev; [SR] answers of a Shopify dev store
recorded in public; [T] TOP API metadata of April 2026; [TD] open.taobao.com documents 101617 and neighbours;
(U) unverified.
"""
