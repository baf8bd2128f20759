"""Which requests most likely ask for nothing but the state of a book."""

from sharedbooks_radicale.request import Request


def is_poll(request: Request) -> bool:
    """True for what phones ask again and again: token, tag, or what is new, mostly nothing.

    It is a guess: whoever answers may need more than who asks and the book.
    """
    if len(request.segments) != 2:
        return False
    if request.method == "PROPFIND":
        return request.depth in {"", "0"}
    # Of a stranger no long body is read.
    return request.method == "REPORT" and request.body_taken and b"sync-collection" in request.body
