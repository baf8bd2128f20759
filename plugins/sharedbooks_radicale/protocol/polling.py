"""Which requests most likely ask for no more than a statement or two can tell.

It is a guess: whoever answers may need more than that.
"""

from sharedbooks_radicale.request import Request


def is_poll(request: Request) -> bool:
    """True for what phones ask again and again: a book's token or tag."""
    return (
        request.method == "PROPFIND" and len(request.segments) == 2 and request.depth in {"", "0"}
    )


def reads_little(request: Request) -> bool:
    """True for what most of them ask next.

    The books of the home, which cards of a book have changed or match a filter, or a single card.
    """
    if request.method == "PROPFIND":
        return request.depth == "1" and len(request.segments) == 1
    if request.method == "REPORT":
        if b"sync-collection" in request.body:
            return b"address-data" not in request.body
        return b"addressbook-query" in request.body
    return request.method == "GET" and len(request.segments) == 3
