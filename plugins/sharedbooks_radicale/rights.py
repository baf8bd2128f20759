"""Radicale's seam for rights: what a privilege is in its one-letter rights."""

from radicale.config import Configuration
from radicale.rights import BaseRights
from sqlalchemy import Connection

from sharedbooks.domain.book_access import find_book
from sharedbooks.domain.privileges import Privilege
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.scope import current_session
from sharedbooks_radicale.stock import CONFIG_OPTION, find_user, plugin_schema, shared_runtime

PLUGIN_CONFIG_SCHEMA = plugin_schema("rights")

# R, r: read; W, w: write; capitals are for what is no book. D and d, O and o allow and forbid to
# delete and to overwrite a whole book, each where Radicale's options say the opposite.
_NOTHING = ""
_ROOT = "R"
_HOME = "RW"
_FREE_NAME = "rwO"
_OWN_BOOK = "rwo"
_SHARED_BOOK_TO_READ = "r"
_SHARED_BOOK = "rwdo"


class Rights(BaseRights):
    """Gives every member their own home, and in it what their grants say.

    A letter holds for all cards of a book. What it cannot say (adding cards without changing any,
    changing one's own only) the storage refuses, card by card.
    """

    def __init__(self, configuration: Configuration, runtime: Runtime | None = None) -> None:
        super().__init__(configuration.copy(PLUGIN_CONFIG_SCHEMA))
        self._runtime = runtime or shared_runtime(self.configuration.get("rights", CONFIG_OPTION))

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:  # noqa: ARG002
        """Return the letters of ``user`` for ``path``.

        Other people's homes are all alike, whether they exist or not. Cards have no letters:
        Radicale asks for those of their book.
        """
        segments = [segment for segment in path.split("/") if segment]
        if not user:
            return _NOTHING
        match segments:
            case []:
                return _ROOT
            case [home] if home == user:
                return _HOME
            case [home, book] if home == user:
                return self._of_book(user, book)
        return _NOTHING

    def _of_book(self, user: str, book: str) -> str:
        """Return the letters for a book, asked from the database once a session.

        A PROPFIND asks again for every card of the book.
        """
        session = current_session()
        if session is None:
            return self._runtime.database.run_read(lambda fresh: _letters(fresh, user, book))
        if (user, book) not in session.letters:
            session.letters[user, book] = _letters(session.connection, user, book)
        return session.letters[user, book]


def _letters(connection: Connection, user_name: str, book: str) -> str:
    user = find_user(connection, user_name)
    if user is None:
        return _NOTHING
    access = find_book(connection, user.id, book)
    if access is None:
        return _FREE_NAME
    if access.owned and not access.read_only:
        return _OWN_BOOK
    # On a read-only book a manager's only right to write is to its name, and there is no letter
    # for that alone: they would be told that they may write cards.
    to_read = access.read_only or access.privilege is Privilege.READ
    return _SHARED_BOOK_TO_READ if to_read else _SHARED_BOOK
