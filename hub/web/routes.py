"""Every address of the hub, in one list.

Invariant: each route but sign-in, health, hooks and static files passes hub.web.ask or hub.web.api.edge, which check
session, permission and token.
"""

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from hub.web.api.routes import API_ROUTES
from hub.web.ask import screen
from hub.web.health import healthz, readyz
from hub.web.pages import (
    cases,
    export,
    live,
    orders,
    overview,
    preferences,
    search,
    settings,
    shops,
    sign_in,
    stock,
    vouchers,
)
from hub.web.render import STATIC


class KeptFiles(StaticFiles):
    """Static files; an address with the content's hash may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        fresh = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"
        return response


ROUTES: list[BaseRoute] = [
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Mount("/static", KeptFiles(directory=STATIC)),
    Route("/sign-in", sign_in.show_sign_in),
    Route("/sign-in", sign_in.do_sign_in, methods=["POST"]),
    Route("/sign-out", screen("self.see")(sign_in.do_sign_out), methods=["POST"]),
    Route("/password", screen("self.see")(sign_in.show_password)),
    Route("/password", screen("self.see")(sign_in.do_password), methods=["POST"]),
    Route("/preferences", preferences.do_preferences, methods=["POST"]),
    Route("/live", live.stream),
    Route("/settings", screen("self.see")(settings.show_self)),
    Route("/settings/sessions", screen("self.see")(settings.end_session), methods=["POST"]),
    Route("/settings/people", screen("people.manage")(settings.show_people)),
    Route("/settings/people", screen("people.manage")(settings.do_add_person), methods=["POST"]),
    Route("/settings/people/{id}/role", screen("people.manage")(settings.do_role), methods=["POST"]),
    Route("/settings/people/{id}/reset", screen("people.manage")(settings.do_reset), methods=["POST"]),
    Route("/settings/people/{id}/active", screen("people.manage")(settings.do_active), methods=["POST"]),
    Route("/settings/keys", screen("keys.manage")(settings.show_keys)),
    Route("/settings/keys", screen("keys.manage")(settings.do_add_key), methods=["POST"]),
    Route("/settings/keys/revoke", screen("keys.manage")(settings.do_revoke_key), methods=["POST"]),
    Route("/settings/audit", screen("audit.see")(settings.show_audit)),
    Route("/", screen("overview.see")(overview.show)),
    Route("/search", screen("order.see")(search.show)),
    Route("/orders.csv", screen("order.export")(export.orders)),
    Route("/stock.csv", screen("stock.export")(export.stock)),
    Route("/vouchers.csv", screen("voucher.export")(export.vouchers)),
    Route("/orders", screen("order.see")(orders.show_list)),
    Route("/orders/{id}", screen("order.see")(orders.show_one)),
    Route("/orders/{id}/buyer", screen("buyer.see")(orders.show_buyer), methods=["POST"]),
    Route("/orders/{id}/ship", screen("order.ship")(orders.do_ship), methods=["POST"]),
    Route("/orders/{id}/tell", screen("order.ship")(orders.do_tell), methods=["POST"]),
    Route("/orders/{id}/cancel", screen("order.cancel")(orders.do_cancel), methods=["POST"]),
    Route("/orders/{id}/hold", screen("order.hold")(orders.do_hold), methods=["POST"]),
    Route("/orders/{id}/unhold", screen("order.hold")(orders.do_unhold), methods=["POST"]),
    Route("/orders/{id}/retry", screen("order.retry")(orders.do_retry), methods=["POST"]),
    Route("/vouchers", screen("voucher.see")(vouchers.show_list)),
    Route("/vouchers/balance", screen("voucher.see")(vouchers.show_balance)),
    Route("/vouchers/{id}", screen("voucher.see")(vouchers.show_one)),
    Route("/stock", screen("stock.see")(stock.show_list)),
    Route("/stock", screen("stock.add")(stock.do_add), methods=["POST"]),
    Route("/stock/{id}", screen("stock.see")(stock.show_one)),
    Route("/stock/{id}/effect", screen("stock.adjust")(stock.show_effect)),
    Route("/stock/{id}/receive", screen("stock.receive")(stock.do_receive), methods=["POST"]),
    Route("/stock/{id}/adjust", screen("stock.adjust")(stock.do_adjust), methods=["POST"]),
    Route("/listings/{id}/publish", screen("listing.publish")(stock.do_publish), methods=["POST"]),
    Route("/listings/{id}/map", screen("listing.map")(shops.do_map), methods=["POST"]),
    Route("/cases", screen("case.see")(cases.show_queue)),
    Route("/cases/{id}", screen("case.see")(cases.show_one)),
    Route("/cases/{id}/own", screen("case.act")(cases.do_own), methods=["POST"]),
    Route("/cases/{id}/moves/{move}", screen("case.see")(cases.do_move), methods=["POST"]),
    Route("/shops", screen("shop.see")(shops.show_list)),
    Route("/shops/connect", screen("shop.credentials")(shops.show_connect)),
    Route("/shops/connect", screen("shop.credentials")(shops.do_connect), methods=["POST"]),
    Route("/shops/{id}", screen("shop.see")(shops.show_one)),
    Route("/shops/{id}", screen("shop.operate")(shops.do_act), methods=["POST"]),
    Route("/shops/{id}/pace", screen("shop.operate")(shops.do_change), methods=["POST"]),
    Route("/shops/{id}/credentials", screen("shop.credentials")(shops.do_credentials), methods=["POST"]),
    *API_ROUTES,
]
