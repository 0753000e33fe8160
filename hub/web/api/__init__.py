"""The JSON API under /api/: the same verbs as the console, for programs.

Invariant: one table of operations (operations.py) makes the routes, the index and the OpenAPI document.
"""
