"""A JSON API in small: a page of orders is read from JSON, priced, and written as JSON."""

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

STORED = [
    json.dumps(
        [
            {"order": 1000 * page + row, "customer": f"customer {row % 37}", "note": "leave at the door " * (row % 9)}
            | {"lines": [{"article": f"A-{row * 7 % 400}", "amount": line + 1} for line in range(row % 6 + 1)]}
            for row in range(60)
        ]
    )
    for page in range(20)
]
"""what a database would answer"""


async def orders(request: Request) -> JSONResponse:
    """One page of orders, each with its price."""
    page = json.loads(STORED[int(request.path_params["page"]) % len(STORED)])
    for order in page:
        order["price"] = sum(19 + 5 * line["amount"] for line in order["lines"])
    return JSONResponse({"orders": page, "price": sum(order["price"] for order in page)})


async def health(_: Request) -> PlainTextResponse:
    """For whoever waits until it is ready."""
    return PlainTextResponse("ready")


app = Starlette(routes=[Route("/orders/{page:int}", orders), Route("/health", health)])
