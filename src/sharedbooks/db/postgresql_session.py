"""``Prepared`` statements on a connection to PostgreSQL, past the cursors of psycopg.

A cursor's Python costs twice what libpq takes to send a short statement and to read its rows. What
SQLAlchemy runs goes through cursors all the same, on the same connection.
"""

import select
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic, perf_counter
from typing import Any, Self

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGresult
from psycopg.types.numeric import Int8BinaryDumper

from sharedbooks.watching.statements import note

_Key = tuple[str, tuple[int, ...]]
"""What a statement is prepared for: its text, and the types of its parameters."""

_FINE = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.PIPELINE_SYNC}


class SessionConnection(psycopg.Connection[Any]):
    """A connection that gives up a server which leaves a statement unanswered.

    The driver itself waits for ever for one that is stopped, while its kernel goes on
    acknowledging.

    Attributes:
        session: runs ``Prepared`` statements on it.
        patience: seconds to wait for an answer; None: for ever.
    """

    session: "Session"
    patience: float | None = None

    @classmethod
    def open(cls, patience: float | None, *args: Any, **more: Any) -> Self:
        """Return a new one that waits so many seconds, with the arguments of ``psycopg.connect``.

        Raises:
            psycopg.OperationalError: there is no connection.
        """
        opened = cls.connect(*args, **more)
        # To forget what it has prepared, psycopg has the server forget all that anyone has.
        opened.prepare_threshold = None
        opened.patience = patience
        opened.session = Session(opened)
        return opened

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Wait as psycopg does, but not for ever."""
        if self.patience is None:
            return super().wait(gen, *args, **options)
        try:
            return super().wait(_within(self.patience, gen), *args, **options)
        except TimeoutError:
            raise self.give_up() from None

    def give_up(self) -> psycopg.OperationalError:
        """Close it; return what to raise."""
        self.pgconn.finish()
        return psycopg.OperationalError(f"it has not answered for {self.patience:g} s")


def _within(seconds: float, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    deadline = monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and monotonic() >= deadline:
                raise TimeoutError
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


class _ListDumper(Dumper):
    """Texts or numbers as an array's literal, of the type that the statement says.

    psycopg's own looks at every element more than once.
    """

    def dump(self, obj: list[str] | list[int]) -> bytes:
        """Return the literal.

        Raises:
            psycopg.DataError: a text has the character that no text may have.
        """
        texts = "\0".join(map(str, obj))
        if texts.count("\0") > max(0, len(obj) - 1):
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        if not obj:
            return b"{}"
        escaped = texts.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
        return f'{{"{escaped}"}}'.encode()


class Answer:
    """What the server returns to one message, as soon as it has.

    Attributes:
        result: it; not there before.
        prepares: what was to be prepared, if it was that.
    """

    __slots__ = ("prepares", "result")

    result: PGresult

    def __init__(self, prepares: _Key | None = None) -> None:
        self.prepares = prepares


class Session:
    """Sends statements to a server and reads what they return, for one thread at a time.

    Between ``begin_pipeline`` and ``end_pipeline`` it waits for the server only where rows are
    asked for.

    Args:
        connection: in the driver's mode of no transactions; those that are wanted are begun here.
    """

    def __init__(self, connection: SessionConnection) -> None:
        self._connection = connection
        self._server = connection.pgconn
        # A cursor has adapters of its own.
        context = psycopg.Cursor(connection)
        # By default the type hangs on the number, and a statement is prepared for each type.
        context.adapters.register_dumper(int, Int8BinaryDumper)
        context.adapters.register_dumper(list, _ListDumper)
        self._given, self._found = Transformer(context), Transformer(context)
        self._names: dict[_Key, bytes] = {}
        self._numbers = count(1)
        self._awaited: deque[Answer] = deque()
        self._readable, self._either = select.poll(), select.poll()
        self._readable.register(self._server.socket, select.POLLIN)
        self._either.register(self._server.socket, select.POLLIN | select.POLLOUT)
        patience = connection.patience
        self._milliseconds = None if patience is None else round(patience * 1000)
        self._in_pipeline = False

    def all(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement with ``$1`` and so on for its parameters.

        Raises:
            psycopg.Error: this statement failed, or one before it in the pipeline.
        """
        return self._rows(self._ask(statement, values))

    def send(self, statement: str, values: Sequence[Any]) -> Callable[[], list[tuple[Any, ...]]]:
        """Send a statement; return what returns its rows once the pipeline has ended.

        Raises:
            psycopg.Error: the connection is lost.
        """
        answer = self._send(statement, values)
        return lambda: self._rows(answer)

    def run(self, statement: str, some: Sequence[Sequence[Any]]) -> int:
        """Run a statement with each of several sets of values.

        Returns:
            How many rows the last one met; -1 in a pipeline, where that is not known yet.

        Raises:
            psycopg.Error: one failed.
        """
        if self._in_pipeline:
            for values in some:
                self._send(statement, values)
            return -1
        if len(some) == 1:
            return self._ask(statement, some[0]).result.command_tuples or 0
        self.begin_pipeline()
        try:
            answers = [self._send(statement, values) for values in some]
        finally:
            self.end_pipeline()
        return answers[-1].result.command_tuples or 0

    def begin(self, isolation_level: str) -> None:
        """Begin a transaction."""
        self._command(f"BEGIN ISOLATION LEVEL {isolation_level}")

    def commit(self) -> None:
        """Keep what was written since ``begin``.

        Raises:
            psycopg.Error: the connection is lost, or the commit failed.
        """
        self._command("COMMIT")

    def rollback(self) -> None:
        """Take back what was written since ``begin``.

        Raises:
            psycopg.Error: the connection is lost.
        """
        self._command("ROLLBACK")

    def begin_pipeline(self) -> None:
        """Wait for nothing from now on."""
        self._server.enter_pipeline_mode()
        self._in_pipeline = True

    def end_pipeline(self) -> None:
        """Wait for everything that is on its way.

        Raises:
            psycopg.Error: the first failure that was met with; what was sent after it was not
                done.
        """
        self._server.pipeline_sync()
        self._awaited.append(Answer())
        failure: psycopg.Error | None = None
        while self._awaited:
            try:
                self._collect()
            except psycopg.Error as error:
                if self._connection.closed:
                    raise
                failure = failure or error
        self._server.exit_pipeline_mode()
        self._in_pipeline = False
        if failure is not None:
            raise failure

    def _command(self, text: str) -> None:
        self._server.send_query_params(text.encode(), None)
        self._awaited.append(Answer())
        if not self._in_pipeline:
            self._collect()

    def _ask(self, statement: str, values: Sequence[Any]) -> Answer:
        answer = self._send(statement, values)
        started = perf_counter()
        if self._in_pipeline:
            self._server.send_flush_request()
        while self._awaited:
            self._collect()
        note(statement, perf_counter() - started, 0)
        return answer

    def _send(self, statement: str, values: Sequence[Any]) -> Answer:
        started = perf_counter()
        data = self._given.dump_sequence(values, [PyFormat.AUTO] * len(values))
        key = (statement, self._given.types or ())
        name = self._names.get(key) or self._prepare(key)
        # Octets as text would be hexadecimal digits: twice as many to send, and slow to read.
        self._server.send_query_prepared(name, data, self._given.formats, pq.Format.BINARY)
        answer = Answer()
        self._awaited.append(answer)
        note(statement, perf_counter() - started)
        return answer

    def _prepare(self, key: _Key) -> bytes:
        statement, types = key
        name = self._names[key] = f"sharedbooks_{next(self._numbers)}".encode()
        self._server.send_prepare(name, statement.encode(), types)
        self._awaited.append(Answer(key))
        if not self._in_pipeline:
            self._collect()
        return name

    def _collect(self) -> None:
        """Wait for the result of what was sent first."""
        answer = self._awaited.popleft()
        result = self._next_result()
        if result is None:
            raise psycopg.OperationalError("the server has not answered")
        answer.result = result
        status = result.status
        if status != pq.ExecStatus.PIPELINE_SYNC:
            while self._next_result() is not None:
                pass
        if status not in _FINE:
            if answer.prepares is not None:
                del self._names[answer.prepares]
            raise _failure(result, self._connection.info.encoding)

    def _next_result(self) -> PGresult | None:
        server = self._server
        while server.flush():
            self._wait(self._either)
            server.consume_input()
        while server.is_busy():
            self._wait(self._readable)
            server.consume_input()
        return server.get_result()

    def _wait(self, events: select.poll) -> None:
        if not events.poll(self._milliseconds):
            raise self._connection.give_up()

    def _rows(self, answer: Answer) -> list[tuple[Any, ...]]:
        self._found.set_pgresult(answer.result)
        rows = self._found.load_rows(0, answer.result.ntuples, tuple)
        # Else it would be kept until the next one comes.
        self._found.set_pgresult(None)
        return rows


class Flow:
    """A write transaction that waits for the server only where rows are asked for.

    Its beginning travels with the first statements, and its commit with the last. In between there
    may be ``Prepared`` statements alone; how many rows one has met that returns none is not known.

    Args:
        driver: a connection without a transaction; it is begun now.
    """

    def __init__(self, driver: SessionConnection) -> None:
        self._session = session = driver.session
        session.begin_pipeline()
        session.begin("READ COMMITTED")

    def commit(self) -> None:
        """Commit, once all that is on its way has arrived.

        Raises:
            psycopg.Error: a statement failed, or the commit; nothing is written then, as long as
                the connection is there.
        """
        self._session.commit()
        self._session.end_pipeline()

    def rollback(self) -> None:
        """Take back what was written.

        Raises:
            psycopg.Error: the connection is lost.
        """
        # What failed first has been raised, or is of no interest.
        with suppress(psycopg.Error):
            self._session.end_pipeline()
        self._session.rollback()


def _failure(result: PGresult, encoding: str) -> psycopg.Error:
    if result.status == pq.ExecStatus.PIPELINE_ABORTED:
        return psycopg.errors.PipelineAborted("a statement before it failed")
    return error_from_result(result, encoding)
