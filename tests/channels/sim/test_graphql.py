"""The reader of GraphQL requests."""

import pytest

from channels.sim.graphql import QueryError, read_operation, select

QUERY = """
query Orders($first: Int!, $after: String) {  # a comment
  orders(first: $first, after: $after, query: "a:>='b'", sortKey: UPDATED_AT) @live(on: true) {
    nodes { id price: amount ... on Order { name } }
  }
}
"""


def test_only_what_was_asked_for_is_answered() -> None:
    operation = read_operation(QUERY, {"first": 5})
    [orders] = operation.fields
    assert orders.arguments == {"first": 5, "after": None, "query": "a:>='b'", "sortKey": "UPDATED_AT"}
    assert orders.directives == {"live": {"on": True}}
    whole = {"nodes": [{"id": 1, "amount": lambda _arguments: "5.0", "name": "x", "hidden": True}]}
    assert select(whole, orders.fields) == {"nodes": [{"id": 1, "price": "5.0", "name": "x"}]}


@pytest.mark.parametrize("query", ["", "{", "query {", "{ a(", "{ a b } { c }", "{ a(x: $y) }", "{ § }", "x" * 60_000])
def test_nonsense_is_a_query_error(query: str) -> None:
    with pytest.raises(QueryError):
        read_operation(query, {})


def test_a_needed_variable_must_come() -> None:
    with pytest.raises(QueryError) as caught:
        read_operation(QUERY, {})
    assert caught.value.code == "INVALID_VARIABLE"


def test_an_unknown_field_and_an_object_without_selection_are_errors() -> None:
    fields = read_operation("{ a { b } c }", {}).fields
    with pytest.raises(QueryError, match="doesn't exist"):
        select({"a": {"x": 1}, "c": 1}, fields)
    with pytest.raises(QueryError, match="selections"):
        select({"a": {"b": 1}, "c": {"d": 1}}, fields)
