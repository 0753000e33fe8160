"""The addresses for programs: the API, the webhook door, the figures, and the cases as a file.

Invariant: each API address passes hub.web.api.edge, each file hub.web.ask; the door checks signatures, the figures are
figures only.
"""

from starlette.routing import BaseRoute, Route

from hub.web.api.edge import endpoint
from hub.web.api.operations import OPERATIONS
from hub.web.ask import screen
from hub.web.hooks import receive_hook
from hub.web.metrics import show_metrics
from hub.web.pages import export

API_ROUTES: list[BaseRoute] = [
    *(Route(one.path, endpoint(one), methods=[one.method]) for one in OPERATIONS),
    Route("/hooks/{shop_id}", receive_hook, methods=["POST"]),
    Route("/metrics", show_metrics),
    Route("/cases.csv", screen("case.export")(export.cases)),
]
