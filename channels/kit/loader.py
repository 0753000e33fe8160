"""From a shop's kind to its adapter: the only place that knows where adapters live.

Invariant: adapters are loaded by kind, never imported by name; a new folder under `channels/markets` is all it takes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from channels import markets
from channels.kit.errors import StopShop
from channels.kit.http import Door, Record
from channels.kit.limit import Limiter, ScriptRunner
from channels.kit.manifest import Manifest, Rate, read_manifest
from channels.kit.market import Access, Market, Webhook
from channels.kit.types import ChannelOrder

_ROOT = Path(markets.__path__[0])
_KIND = re.compile(r"^[a-z][a-z0-9_]*$")


@cache
def kinds() -> tuple[str, ...]:
    """Every kind with a manifest, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in _ROOT.glob("*/manifest.toml")))


@cache
def manifest_of(kind: str) -> Manifest:
    """What the adapter of this kind declares. Raises StopShop for an unknown kind."""
    if not _KIND.match(kind) or kind not in kinds():
        raise StopShop(f"there is no adapter for {kind[:40]!r}", code="unknown-kind")
    manifest = read_manifest(_ROOT / kind / "manifest.toml")
    if manifest.kind != kind:
        raise StopShop(f"the manifest in {kind} says {manifest.kind!r}", code="manifest")
    return manifest


def open_market(access: Access, redis: ScriptRunner | None = None, *, record: Record | None = None) -> Market:
    """The adapter of one shop, ready to talk. Cheap: make one per job. No network is touched.

    `redis` shares the rate limits among all workers; without it each process counts alone. `record` receives every
    exchange, unredacted bodies included: seal what you keep. Raises StopShop: unknown kind, missing credential.
    """
    manifest = manifest_of(access.kind)
    missing = [field.name for field in manifest.inputs if field.required and not _given(access, field.name)]
    if missing:
        raise StopShop(f"the shop lacks {', '.join(missing)}", code="missing-settings")
    door = Door(access.shop_id, _limits(manifest, access.settings), Limiter.shared(redis), record=record)
    adapter = cast(Callable[[Access, Door], Market], _module(access.kind, "adapter").Adapter)
    return adapter(access, door)


def verify_webhook(kind: str, headers: Mapping[str, str], raw: bytes, secret: str | Sequence[str]) -> Webhook:
    """Check a message that came in, on its bytes as received.

    `secret` may hold several secrets (an old one stays good for a while after a rotation). Raises BadSignature when it
    is not from the channel, BadAnswer when it is but cannot be read, StopShop for an unknown kind.
    """
    manifest_of(kind)
    verify = cast(
        Callable[[Mapping[str, str], bytes, str | Sequence[str]], Webhook], _module(kind, "signing").verify_webhook
    )
    return verify(headers, raw, secret)


def parse_orders(kind: str, body: Any) -> list[ChannelOrder]:
    """The orders in a decoded answer or webhook body of this kind. Raises BadAnswer."""
    manifest_of(kind)
    parse = cast(Callable[[Any], list[ChannelOrder]], _module(kind, "mapping").parse_orders)
    return parse(body)


def _module(kind: str, name: str) -> ModuleType:
    return import_module(f"{markets.__name__}.{kind}.{name}")


def _given(access: Access, name: str) -> bool:
    if name in access.secrets:
        return bool(access.secrets[name].get_secret_value())
    return bool(access.settings.get(name))


def _limits(manifest: Manifest, settings: Mapping[str, Any]) -> Mapping[str, Rate]:
    """The declared limits, or those that this shop was granted: settings["limits"] = {operation: {per_second, burst}};
    a granted "default" replaces all declared ones."""
    own = {operation: Rate.model_validate(rate) for operation, rate in (settings.get("limits") or {}).items()}
    return own if "default" in own else {**manifest.limits, **own}
