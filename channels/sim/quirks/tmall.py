"""The TOP router, as a marketplace of our own.

Quirks kept here [TD]: one endpoint for all sellers, the `session` says which; errors in HTTP 200; ten minutes'
tolerance on a naive GMT+8 timestamp; three sign methods; the flow-limit text that names its seconds; roots named for
the method. The signature is computed here anew and not shared with the adapter, so that the two check each other.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from channels.kit.json import encode
from channels.sim.clock import SimClock
from channels.sim.quirks.protocol import Message, World
from channels.sim.quirks.tmall_calls import CALLS, TopError
from channels.sim.quirks.tmall_trade import listing_id_of, listing_ref, ms_of, sale_id_of, tid_of, trade
from channels.sim.store import Listing, Sale, Shop

_TOLERANCE_MS = 10 * 60 * 1000
_CALLS_PER_SECOND = 2_000


class Tmall:
    """The endpoint and the naming of things."""

    kind = "tmall"
    path = "/top/router/rest"

    def __init__(self) -> None:
        self._second: dict[str, tuple[int, int]] = {}

    async def answer(self, world: World, request: Request) -> Response:
        params = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        method = params.get("method", "")
        try:
            shop = self._shop(world, params)
            self._check(world, shop, params)
            call = CALLS.get(method)
            if call is None:
                raise TopError(22, "Invalid Method", "isv.invalid-method", "方法不存在")
            answer = call(world, shop, params)
        except TopError as error:
            return _refuse(error)
        root = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return _json({root: {**answer, "request_id": secrets.token_hex(6)}})

    def _shop(self, world: World, params: Mapping[str, str]) -> Shop:
        if not params.get("session"):
            raise TopError(26, "Missing Session")
        for shop in world.store.shops():
            if shop.kind == self.kind and shop.settings["session"] == params["session"]:
                if world.faults.take(shop.id, "bad_token"):
                    break
                return shop
        raise TopError(27, "Invalid session", "invalid-sessionkey", "SessionKey非法")

    def _check(self, world: World, shop: Shop, params: Mapping[str, str]) -> None:
        if params.get("app_key") != shop.settings["app_key"]:
            raise TopError(29, "Invalid app Key", "isv.appkey-not-exists")
        if params.get("format") != "json" or params.get("v") != "2.0":
            raise TopError(33, "Invalid Version")
        skew = world.faults.standing(shop.id, "clock_skew")
        now_ms = int(world.clock.now().timestamp() * 1000) + int(1000 * float((skew or {}).get("seconds", 0)))
        try:
            sent_ms = ms_of(params.get("timestamp", ""))
        except ValueError as error:
            raise TopError(30, "Missing Timestamp") from error
        if abs(now_ms - sent_ms) > _TOLERANCE_MS:
            raise TopError(31, "Invalid Timestamp", "isv.invalid-timestamp", "时间戳与服务器相差超过 10 分钟")
        if not hmac.compare_digest(_signature(params, str(shop.settings["app_secret"])), params.get("sign", "")):
            raise TopError(25, "Invalid signature", "isv.invalid-signature")
        self._check_flow(world, shop, world.clock)

    def _check_flow(self, world: World, shop: Shop, clock: SimClock) -> None:
        fault = world.faults.take(shop.id, "throttle")
        if fault is not None:
            raise _flow_limit(int(fault.get("seconds", 1)))
        second, calls = self._second.get(shop.id, (0, 0))
        now = int(clock.now().timestamp())
        calls = calls + 1 if second == now else 1
        self._second[shop.id] = (now, calls)
        limits = shop.settings.get("limits") or {}
        if calls > float(limits.get("per_second", _CALLS_PER_SECOND)):
            raise _flow_limit(1)

    def base_path(self, shop: Shop) -> str:
        return self.path

    def new_settings(self, shop_id: str) -> dict[str, Any]:
        return {
            "app_key": str(10_000_000 + secrets.randbelow(89_999_999)),
            "app_secret": secrets.token_hex(16),
            "session": secrets.token_hex(28),
        }

    def access(self, shop: Shop) -> tuple[dict[str, Any], dict[str, str]]:
        secret = {name: str(shop.settings[name]) for name in ("app_key", "app_secret", "session")}
        return {"sign_method": "hmac-sha256"}, secret

    def listing_ref(self, listing: Listing) -> str:
        return listing_ref(listing)

    def listing_id(self, external_id: str) -> int | None:
        return listing_id_of(external_id)

    def order_ref(self, sale_id: int) -> str:
        return str(tid_of(sale_id))

    def order_id(self, external_id: str) -> int | None:
        return sale_id_of(external_id)

    def order_view(self, shop: Shop, sale: Sale) -> dict[str, Any]:
        return trade(sale)

    def webhook(self, world: World, shop: Shop, sale: Sale, topic: str) -> Message | None:
        """TOP has a message queue to pull from, no signed HTTP message."""
        return None


def _signature(params: Mapping[str, str], secret: str) -> str:
    text = "".join(key + params[key] for key in sorted(params) if key != "sign" and params[key])
    method = params.get("sign_method", "md5")
    if method == "md5":
        return hashlib.md5((secret + text + secret).encode(), usedforsecurity=False).hexdigest().upper()
    if method in ("hmac", "hmac-sha256"):
        digest = "md5" if method == "hmac" else "sha256"
        return hmac.new(secret.encode(), text.encode(), digest).hexdigest().upper()
    raise TopError(25, "Invalid signature", "isv.invalid-signature-method")


def _flow_limit(seconds: int) -> TopError:
    return TopError(
        7,
        "App Call Limited",
        "accesscontrol.limited-by-api-access-count",
        f"This ban will last for {seconds} more seconds",
    )


def _refuse(error: TopError) -> Response:
    told = {"code": error.code, "msg": error.msg, "request_id": secrets.token_hex(6)}
    if error.sub_code:
        told |= {"sub_code": error.sub_code, "sub_msg": error.sub_msg}
    return _json({"error_response": told})


def _json(body: Any) -> Response:
    return Response(encode(body), media_type="text/javascript;charset=UTF-8")
