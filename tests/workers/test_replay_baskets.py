"""Real baskets are streamed in time order, and what is no demand is left out."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from workers.replay.baskets import Basket, Line, UnusableData, data_folder, read_baskets, read_products

Row = tuple[int, int, int, int, float, datetime]
MORNING = datetime(2017, 1, 1, 9, 0, 0)  # noqa: DTZ001 - the data tell a store's own clock
NOON = datetime(2017, 1, 1, 12, 0, 0)  # noqa: DTZ001


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    products = {
        "product_id": [1, 2, 3],
        "brand": ["National", "Private", "National"],
        "product_type": ["SOUP", "GASOLINE-REG UNLEADED", None],
        "package_size": ["10 OZ", None, None],
    }
    parquet.write_table(pa.table(products), tmp_path / "products.parquet")
    return tmp_path


def write(folder: Path, rows: list[Row]) -> None:
    names = ("store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    table = pa.table({name: list(values) for name, values in columns.items()})
    stamped = table.column("transaction_timestamp").cast(pa.timestamp("ns"))
    parquet.write_table(table.set_column(5, "transaction_timestamp", stamped), folder / "transactions.parquet")


def test_lines_of_one_receipt_become_one_basket(folder: Path) -> None:
    write(folder, [(7, 100, 1, 2, 3.98, MORNING), (7, 100, 3, 1, 0.5, MORNING), (8, 101, 1, 1, 1.99, NOON)])
    first, second = read_baskets(folder)
    assert first == Basket(100, 7, datetime(2017, 1, 1, 9, tzinfo=UTC), (Line(1, 2, 398), Line(3, 1, 50)))
    assert first.units == 3
    assert (second.store_id, second.lines) == (8, (Line(1, 1, 199),))


def test_a_line_without_pieces_asks_for_nothing(folder: Path) -> None:
    write(folder, [(7, 100, 1, 0, 0.0, MORNING), (7, 101, 1, 0, 0.0, MORNING), (7, 101, 3, 1, 2.0, MORNING)])
    assert [(basket.basket_id, len(basket.lines)) for basket in read_baskets(folder)] == [(101, 1)]


def test_a_filling_of_fuel_counts_as_one_piece_at_its_whole_price(folder: Path) -> None:
    write(folder, [(7, 100, 2, 10_393, 26.86, MORNING)])
    assert [basket.lines for basket in read_baskets(folder)] == [(Line(2, 1, 2686),)]


def test_the_limit_counts_baskets_that_ask_for_something(folder: Path) -> None:
    rows: list[Row] = [(7, number, 1, number % 2, 1.0, MORNING) for number in range(10)]
    write(folder, rows)
    assert [basket.basket_id for basket in read_baskets(folder, 3)] == [1, 3, 5]


def test_baskets_out_of_order_are_refused(folder: Path) -> None:
    write(folder, [(7, 100, 1, 1, 1.0, NOON), (7, 101, 1, 1, 1.0, MORNING)])
    with pytest.raises(UnusableData, match="101"):
        list(read_baskets(folder))


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(UnusableData, match="transactions"):
        list(read_baskets(folder))


def test_a_product_is_titled_by_what_is_known_of_it(folder: Path) -> None:
    titles = dict(read_products(folder))
    assert titles == {1: "SOUP 10 OZ National", 2: "GASOLINE-REG UNLEADED Private", 3: "National"}


def test_the_installed_data_are_the_year_that_the_manual_tells_of() -> None:
    files = {name: parquet.ParquetFile(data_folder() / f"{name}.parquet") for name in ("transactions", "products")}
    assert files["transactions"].metadata.num_rows == 1_469_307
    assert sum(1 for _ in read_products(data_folder())) == files["products"].metadata.num_rows == 92_331
