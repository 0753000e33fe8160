"""Shops: is each channel telling us the truth in time? Health, lag, pause and resume, credentials, listings.

Invariant: credentials are typed, sealed and never shown again; every act is in the audit trail.
"""

from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from channels.kit.errors import StopShop
from channels.kit.loader import kinds, manifest_of
from channels.kit.manifest import Manifest
from hub.core import audit
from hub.core.cases import CaseKind, close_cases_of
from hub.core.errors import Invalid
from hub.core.queries import list_cases
from hub.core.shops import (
    MAX_BUFFER_UNITS,
    MAX_POLL_SECONDS,
    ShopState,
    connect_shop,
    get_shop,
    list_shops,
    pull_soon,
    renew_credentials,
    set_state,
)
from hub.web import forms
from hub.web.ask import Ask
from hub.web.render import page
from hub.web.shop_changes import change
from orders.sales.resolve import map_and_drive
from stockpool import queries as stock

PAGE_ROWS = 50


async def show_list(ask: Ask) -> Response:
    """All shops with their health."""
    picture = await ask.doors.live.look()
    return page(
        ask,
        "shops.html",
        shops=await list_shops(ask.session),
        pushes=await stock.pushes_per_shop(ask.session),
        picture=picture,
        manifests=manifests(),
    )


async def show_one(ask: Ask) -> Response:
    """One shop: health, what may be done, its listings."""
    shop = await get_shop(ask.session, forms.row_id(ask.request.path_params["id"]))
    query = ask.request.query_params
    unmapped = query.get("only") == "unmapped"
    after = forms.row_id(query.get("after") or "0")
    rows = await stock.listings_of_shop(ask.session, shop.id, unmapped_only=unmapped, after=after, limit=PAGE_ROWS + 1)
    shown = rows[:PAGE_ROWS]
    codes = await stock.skus_by_id(ask.session, [row.sku_id for row in shown if row.sku_id is not None])
    kept = {"only": "unmapped"} if unmapped else {}
    more = f"?{urlencode(kept | {'after': str(shown[-1].id)})}#listings" if len(rows) > PAGE_ROWS else ""
    return page(
        ask,
        "shop.html",
        shop=shop,
        manifest=_manifest(shop.kind),
        rows=shown,
        codes=codes,
        more=more,
        unmapped=unmapped,
        pushes=(await stock.pushes_per_shop(ask.session)).get(shop.id),
        cases=await list_cases(ask.session, shop_id=shop.id, limit=10),
        picture=await ask.doors.live.look(),
    )


async def do_act(ask: Ask) -> Response:
    """Pause, resume, pull now, or read the catalogue."""
    shop = await get_shop(ask.session, forms.row_id(ask.request.path_params["id"]))
    subject, who, address = f"shop:{shop.id}", ask.person.name, f"/shops/{shop.id}"
    match ask.form.get("do", ""):
        case "pause":
            await set_state(ask.session, shop.id, ShopState.PAUSED, who)
            await audit.record(ask.session, who, "shop.pause", subject)
            return ask.go(address, "Paused. Nothing goes in or out until you resume it.")
        case "resume":
            await set_state(ask.session, shop.id, ShopState.ACTIVE, None)
            await audit.record(ask.session, who, "shop.resume", subject)
            ask.wake("pull_orders", shop.id)
            return ask.go(address, "Resumed. What happened meanwhile is being read.")
        case "pull":
            await pull_soon(ask.session, shop.id)
            await audit.record(ask.session, who, "shop.pull", subject)
            ask.wake("pull_orders", shop.id)
            return ask.go(address, "The shop's orders are being read.")
        case "import":
            await audit.record(ask.session, who, "shop.import", subject)
            ask.wake("import_listings", shop.id)
            return ask.go(address, "The shop's catalogue is being read.")
    raise Invalid("This choice does not exist.")


async def do_credentials(ask: Ask) -> Response:
    """Renew the credentials that were typed; the others stay."""
    shop = await get_shop(ask.session, forms.row_id(ask.request.path_params["id"]))
    manifest = _manifest(shop.kind)
    secrets = [one.name for one in manifest.inputs if one.secret] if manifest else []
    typed = {name: forms.text(ask.form, f"secret-{name}", most=2000, required=False) for name in secrets}
    given = {name: value for name, value in typed.items() if value}
    if not given:
        raise Invalid("Type at least one new credential.")
    await renew_credentials(ask.session, ask.doors.seal, shop.id, given)
    name = ask.person.name
    await close_cases_of(ask.session, CaseKind.CREDENTIALS, f"shop:{shop.id}", name, "credentials renewed")
    await audit.record(ask.session, name, "shop.credentials", f"shop:{shop.id}", fields=sorted(given))
    ask.wake("pull_orders", shop.id)
    return ask.go(f"/shops/{shop.id}", "Sealed and stored. The shop is tried at once.")


async def do_change(ask: Ask) -> Response:
    """Change the buffer and the pause between two readings."""
    shop_id = forms.row_id(ask.request.path_params["id"])
    buffer = forms.whole(ask.form, "buffer", least=0, most=MAX_BUFFER_UNITS)
    pause = forms.whole(ask.form, "pause", least=1, most=MAX_POLL_SECONDS)
    await change(ask, shop_id, buffer_units=buffer, poll_seconds=pause)
    return ask.go(f"/shops/{shop_id}", "Stored. The shop's numbers follow within seconds.")


async def do_map(ask: Ask) -> Response:
    """Match a listing to a Sku."""
    row = await stock.listing_detail(ask.session, forms.row_id(ask.request.path_params["id"]))
    found = await stock.find_sku(ask.session, code := forms.text(ask.form, "sku", most=200))
    if found is None:
        raise Invalid("There is no Sku with the code %(code)s.", code=code)
    await map_and_drive(ask.session, row.id, found.id, ask.person.name)
    ask.wake("handle_events")
    return ask.go(f"/shops/{row.shop_id}#listings", "Matched. Waiting orders are reserved now.")


def manifests() -> dict[str, Manifest]:
    """The adapters that are installed, by kind."""
    from_kind = {kind: _manifest(kind) for kind in kinds()}
    return {kind: manifest for kind, manifest in from_kind.items() if manifest is not None}


def _manifest(kind: str) -> Manifest | None:
    try:
        return manifest_of(kind)
    except StopShop:
        return None


async def show_connect(ask: Ask) -> Response:
    """The form that connects a shop; `?kind=` chooses the channel."""
    known = manifests()
    kind = ask.request.query_params.get("kind", "")
    return page(ask, "shop_connect.html", manifests=known, manifest=known.get(kind))


async def do_connect(ask: Ask) -> Response:
    """Store the shop, its credentials sealed; its catalogue and orders are read at once."""
    manifest = manifests().get(ask.form.get("kind", ""))
    if manifest is None:
        raise Invalid("This choice does not exist.")
    typed = {
        one.name: forms.text(ask.form, f"input-{one.name}", most=2000, required=one.required and not one.default)
        or one.default
        for one in manifest.inputs
    }
    secret = {one.name for one in manifest.inputs if one.secret}
    name = forms.text(ask.form, "name", most=60)
    if name in {shop.name for shop in await list_shops(ask.session)}:
        raise Invalid("There is already a shop called %(name)s.", name=name)
    shop_id = await connect_shop(
        ask.session,
        ask.doors.seal,
        kind=manifest.kind,
        name=name,
        base_url=_address(ask),
        credentials={name: value for name, value in typed.items() if name in secret and value},
        settings={name: value for name, value in typed.items() if name not in secret and value},
        currency=forms.text(ask.form, "currency", most=3).upper(),
        buffer_units=forms.whole(ask.form, "buffer", least=0, most=MAX_BUFFER_UNITS),
    )
    await audit.record(ask.session, ask.person.name, "shop.connect", f"shop:{shop_id}", name=name, kind=manifest.kind)
    ask.wake("import_listings", shop_id)
    ask.wake("pull_orders", shop_id)
    return ask.go(f"/shops/{shop_id}", "Connected. Its catalogue and orders are being read.")


def _address(ask: Ask) -> str:
    address = forms.text(ask.form, "base_url", most=300).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Invalid("The address must look like https://my-shop.example.")
    return address
