"""Which requests most likely ask for nothing but the state of a book."""

from sharedbooks_radicale.request import Request


def is_poll(request: Request) -> bool:
    """True for what phones ask again and again: a book's token or tag.

    It is a guess: whoever answers may need more than who asks and the book. A sync is none. Most
    clients ask for one when they know that there is news, and would pay for the guess.
    """
    return (
        request.method == "PROPFIND" and len(request.segments) == 2 and request.depth in {"", "0"}
    )
