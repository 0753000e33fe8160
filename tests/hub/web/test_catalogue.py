"""Both languages say everything."""

import re

import pytest
from babel.messages.pofile import read_po

from hub.core.cases import CaseKind
from hub.core.people import Role
from hub.core.shops import ShopState
from hub.web import words
from hub.web.permissions import ACTS
from orders.sales.lifecycle import State
from orders.sales.rules import Reason
from tests.hub.web.catalogue import ROOT, messages

_PLACES = re.compile(r"%\((\w+)\)s")


def _key(found: object) -> object:
    return found[0] if isinstance(found, tuple) else found


@pytest.fixture(scope="module")
def chinese() -> dict[object, str]:
    path = ROOT / "hub/web/locale/zh_CN/LC_MESSAGES/tongku.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    assert not [entry.id for entry in catalogue if entry.fuzzy and entry.id]
    return {
        _key(entry.id): entry.string if isinstance(entry.string, str) else (entry.string or ("",))[0]
        for entry in catalogue
        if entry.id
    }


def test_every_message_has_its_chinese(chinese: dict[object, str]) -> None:
    assert sorted(str(one) for one in messages() if not chinese.get(_key(one))) == []


def test_the_chinese_fills_only_places_that_the_english_has(chinese: dict[object, str]) -> None:
    known = {_key(one): one if isinstance(one, str) else " ".join(one) for one in messages()}
    wrong = [
        english
        for english, said in chinese.items()
        if set(_PLACES.findall(said)) - set(_PLACES.findall(str(known.get(english, english))))
    ]
    assert wrong == []


def test_the_catalogue_keeps_no_word_that_nobody_says(chinese: dict[object, str]) -> None:
    assert sorted(str(one) for one in set(chinese) - {_key(found) for found in messages()}) == []


def test_every_value_that_a_page_can_show_has_a_word() -> None:
    assert set(words.ORDER_STATES) == set(State)
    assert set(words.ORDER_REASONS) == set(Reason)
    assert set(words.CASE_KINDS) == set(CaseKind)
    assert set(words.SHOP_STATES) == set(ShopState)
    assert set(words.ROLES) == set(Role)


def test_every_act_is_allowed_to_an_admin_and_none_changes_anything_for_a_viewer() -> None:
    assert all(Role.ADMIN in roles for roles in ACTS.values())
    assert all(act.endswith(".see") for act, roles in ACTS.items() if Role.VIEWER in roles)
    assert Role.VIEWER not in ACTS["buyer.see"]
