"""From a typed error to the status and the precondition element that stand for it."""

from collections.abc import Callable
from typing import Any

from sharedbooks import errors
from sharedbooks_radicale import failures
from sharedbooks_radicale.protocol.clients import starts_over_only_on_400
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.propstat import need_privileges
from sharedbooks_radicale.protocol.xml import text
from sharedbooks_radicale.request import Request
from sharedbooks_radicale.response import NAMESPACES, Response, text_response, xml_response

_RETRY_SECONDS = "5"
"""When a client should come back to a busy server."""

Answer = Callable[[Any, Request], Response]


def condition_response(status: int, element: str, message: str) -> Response:
    """Return an ``error`` document with a precondition and a sentence (RFC 4918, 16)."""
    description = f"<D:responsedescription>{text(message)}</D:responsedescription>"
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<D:error {NAMESPACES}>{element}{description}'
    return xml_response(status, f"{body}</D:error>\n")


def error_response(error: errors.SharedbooksError, request: Request) -> Response:
    """Return the answer that tells a client what ``error`` means."""
    answer = _ANSWERS.get(type(error))
    return text_response(500, str(error)) if answer is None else answer(error, request)


def _plain(status: int) -> Answer:
    return lambda error, _request: text_response(status, str(error))


def _condition(status: int, element: str) -> Answer:
    return lambda error, _request: condition_response(status, element, str(error))


def _unauthenticated(error: errors.Unauthenticated, request: Request) -> Response:
    challenge = f'Basic realm="{request.edge.realm}", charset="UTF-8"'
    return text_response(401, str(error), {"WWW-Authenticate": challenge})


def _too_many_logins(error: errors.TooManyLogins, _request: Request) -> Response:
    return text_response(429, str(error), {"Retry-After": str(error.retry_after)})


def _busy(_error: errors.StoreBusy, _request: Request) -> Response:
    return text_response(503, "The server is busy.", {"Retry-After": _RETRY_SECONDS})


def _too_many_uploads(error: failures.TooManyUploads, _request: Request) -> Response:
    return text_response(503, str(error), {"Retry-After": _RETRY_SECONDS})


def _directory_unavailable(error: errors.DirectoryUnavailable, _request: Request) -> Response:
    sentence = "The directory that knows your password cannot be reached."
    return text_response(503, sentence, {"Retry-After": str(error.retry_after)})


def _not_allowed(error: failures.MethodNotAllowed, _request: Request) -> Response:
    return text_response(405, str(error), {"Allow": ", ".join(error.allowed)})


def _encoded_body(error: failures.EncodedBody, _request: Request) -> Response:
    return text_response(415, str(error), {"Accept-Encoding": "identity"})


def _refused(error: failures.Refused, _request: Request) -> Response:
    return condition_response(error.status, error.element, str(error))


def _access_denied(error: errors.AccessDenied, request: Request) -> Response:
    """Answer as RFC 3744, 7.1.1 says; without the element DAVx5 stops syncing the whole book."""
    href = make_href(request.prefix, *request.segments, collection=len(request.segments) < 3)
    return condition_response(403, need_privileges(href, error.privileges), str(error))


def _uid_conflict(error: errors.UidConflict, request: Request) -> Response:
    href = make_href(request.prefix, *request.segments[:2], error.resource_name, collection=False)
    element = f"<CARD:no-uid-conflict><D:href>{href}</D:href></CARD:no-uid-conflict>"
    return condition_response(403, element, str(error))


def _invalid_sync_token(error: errors.InvalidSyncToken, request: Request) -> Response:
    status = 400 if starts_over_only_on_400(request.origin.client) else 403
    return condition_response(status, "<D:valid-sync-token/>", str(error))


_ANSWERS: dict[type[errors.SharedbooksError], Answer] = {
    failures.BadRequest: _plain(400),
    failures.BodyTooLarge: _plain(413),
    failures.EncodedBody: _encoded_body,
    failures.MethodNotAllowed: _not_allowed,
    failures.NotAcceptable: _plain(406),
    failures.Refused: _refused,
    failures.TooManyUploads: _too_many_uploads,
    errors.AccessDenied: _access_denied,
    errors.CardRefused: _condition(403, '<S:acceptable-contact xmlns:S="urn:sharedbooks:"/>'),
    errors.CardTooLarge: _condition(403, "<CARD:max-resource-size/>"),
    errors.Conflict: _plain(409),
    errors.DirectoryUnavailable: _directory_unavailable,
    errors.InvalidCard: _condition(403, "<CARD:valid-address-data/>"),
    errors.InvalidName: _plain(400),
    errors.InvalidSyncToken: _invalid_sync_token,
    errors.NotFound: _plain(404),
    errors.PreconditionFailed: _plain(412),
    errors.StoreBusy: _busy,
    errors.StoreFull: _condition(507, "<D:quota-not-exceeded/>"),
    errors.TooManyLogins: _too_many_logins,
    errors.UidConflict: _uid_conflict,
    errors.Unauthenticated: _unauthenticated,
    errors.UnsupportedCard: _condition(403, "<CARD:supported-address-data/>"),
}
