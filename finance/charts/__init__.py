"""Charts of accounts as data: one TOML file each, every account with the roles that posting rules call it by.

Invariant: a role belongs to one account of a chart.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.core.errors import NotFound

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One account of a chart; kind is asset, liability, equity, income or expense."""

    code: str
    name: str
    kind: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A whole chart."""

    name: str
    accounts: tuple[ChartAccount, ...]

    @property
    def code_of(self) -> Mapping[str, str]:
        """Role -> account code."""
        return {role: account.code for account in self.accounts for role in account.roles}


def names() -> list[str]:
    """The charts that there are."""
    return sorted(path.stem for path in _HERE.glob("*.toml"))


def read(name: str) -> Chart:
    """The chart in `name`.toml. Raises NotFound."""
    if name not in names():
        raise NotFound("There is no chart of accounts %(chart)s.", chart=name)
    data = tomllib.loads((_HERE / f"{name}.toml").read_text(encoding="utf-8"))
    accounts = (ChartAccount(row["code"], row["name"], row["kind"], tuple(row["roles"])) for row in data["accounts"])
    return Chart(data["name"], tuple(accounts))
