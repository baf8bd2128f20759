"""Stock mode: the seams themselves, and what keeps Radicale from starting with a bad one."""

import inspect
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from radicale import auth, item, rights, storage
from radicale.auth import AuthContext

from sharedbooks.config import load_config
from sharedbooks.domain.credentials import add_device
from sharedbooks.domain.login import Authenticator, Member, Origin
from sharedbooks.errors import StoreBusy
from sharedbooks.runtime import Runtime, open_runtime
from sharedbooks_radicale import rights as rights_module
from sharedbooks_radicale import scope
from sharedbooks_radicale import stock as stock_module
from sharedbooks_radicale import storage as storage_module
from sharedbooks_radicale.auth import Auth
from sharedbooks_radicale.collection import Collection, Fixed, Home
from sharedbooks_radicale.items import CardItem
from sharedbooks_radicale.rights import Rights
from sharedbooks_radicale.storage import Storage
from tests.http.world import fresh, vcard
from tests.plugins.conftest import Stocked
from tests.plugins.stock import (
    StockServer,
    StockWorld,
    example_configuration,
    stock_configuration,
    write_configuration,
)
from tests.support.databases import SqliteDatabases
from tests.support.factories import make_new_user


def overridden() -> Iterator[Any]:
    pairs: list[tuple[type, type]] = [
        (auth.BaseAuth, Auth),
        (rights.BaseRights, Rights),
        (storage.BaseStorage, Storage),
        *((storage.BaseCollection, ours) for ours in (Fixed, Home, Collection)),
        (item.Item, CardItem),
    ]
    for base, ours in pairs:
        for name, member in vars(ours).items():
            if hasattr(base, name) and (
                name == "_login_ext_with_groups" or not name.startswith("_")
            ):
                yield pytest.param(getattr(base, name), member, id=f"{ours.__name__}.{name}")


class TestContracts:
    """What we override is still what Radicale calls."""

    @pytest.mark.parametrize(("theirs", "ours"), list(overridden()))
    def test_a_method_takes_what_radicale_gives(self, theirs: Any, ours: Any) -> None:
        assert isinstance(theirs, property) == isinstance(ours, property)
        if not isinstance(theirs, property):
            assert _parameters(ours) == _parameters(theirs)

    @pytest.mark.parametrize(
        ("base", "ours", "inherited"),
        [
            (
                storage.BaseCollection,
                Collection,
                {"is_principal", "get_filtered"},
            ),
            (storage.BaseStorage, Storage, set()),
            (rights.BaseRights, Rights, set()),
            (auth.BaseAuth, Auth, {"login", "get_external_login"}),
            (item.Item, CardItem, {"etag", "uid", "name", "component_name", "time_range", "prepare",
                                   "convert_vcf_to_ics"}),
        ],
    )  # fmt: skip
    def test_nothing_new_is_left_to_radicales_default(
        self, base: type, ours: type, inherited: set[str]
    ) -> None:
        public = {name for name in vars(base) if not name.startswith("_")}
        made = {name for kind in ours.__mro__ if kind not in base.__mro__ for name in vars(kind)}
        assert public - made == inherited

    def test_the_flags_by_which_radicale_limits_names_are_known(self) -> None:
        flags = {
            name for name, value in vars(storage.BaseStorage).items() if isinstance(value, bool)
        }
        assert flags == {
            "_is_collision_free",
            "_supports_unicode",
            "_supports_trailing_whitespace",
            "_supports_problematic_chars",
        }
        assert all(getattr(Storage, flag) for flag in flags)

    def test_every_letter_is_known_to_radicale(self) -> None:
        module = sys.modules[Rights.__module__]
        letters = "".join(
            value
            for name, value in vars(module).items()
            if name.startswith("_") and name.isupper() and isinstance(value, str)
        )
        assert set(letters) == set("RrWwdoO")
        assert set(letters) <= set(rights.INTERNAL_PERMISSIONS)

    def test_an_item_has_every_field_that_radicale_gives_one(self) -> None:
        theirs = vars(item.Item(collection_path="", text="x"))
        assert theirs.keys() == vars(CardItem.__new__(CardItem)).keys() | theirs.keys()
        source = inspect.getsource(CardItem.__init__)
        assert all(f"self.{field} = " in source for field in theirs)


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, bool]]:
    return [
        (name, parameter.kind, parameter.default is inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


@pytest.fixture
def runtime(sqlite_databases: SqliteDatabases, tmp_path: Path) -> Iterator[Runtime]:
    with sqlite_databases.migrated() as url:
        opened = open_runtime(load_config(write_configuration(tmp_path, url)))
        yield opened
        opened.close()


def log_in(login: Auth, name: str, password: str, address: str = "192.0.2.1") -> str:
    context = AuthContext()
    context.remote_addr = address
    user, _, groups = login.login(name, password, context)
    assert groups == set()
    return user


class TestLogin:
    def test_the_users_own_name_is_returned_every_time(self, runtime: Runtime) -> None:
        composed = "José"
        user = make_new_user(runtime.database, composed)
        password = runtime.database.run_write(lambda c: add_device(c, user, "phone"))
        login = Auth(stock_configuration(runtime, cache_logins="True"), runtime)
        typed = unicodedata.normalize("NFD", composed)
        assert typed != composed
        assert [log_in(login, typed, password) for _ in range(3)] == [composed] * 3

    def test_a_failed_login_leaves_nobody_behind(self, runtime: Runtime) -> None:
        user = make_new_user(runtime.database)
        password = runtime.database.run_write(lambda c: add_device(c, user, "phone"))
        login = Auth(stock_configuration(runtime), runtime)
        assert log_in(login, "alice", password) == "alice"
        member = scope.current_member()
        assert member is not None
        assert (member.user.name, member.device) == ("alice", "phone")
        assert log_in(login, "alice", "wrong") == ""
        assert scope.current_member() is None

    def test_too_many_failures_are_failures(self, runtime: Runtime) -> None:
        login = Auth(stock_configuration(runtime), runtime)
        assert [log_in(login, "nobody", "wrong") for _ in range(4)] == [""] * 4

    def test_a_failed_login_is_logged_for_fail2ban(
        self, stock: StockWorld, stocked: Stocked
    ) -> None:
        name = fresh("mallory")
        assert stock.client((name, "wrong")).propfind("/").status == 401
        assert f"failed login of '{name}' from 127.0.0.1" in stocked.server.log

    def test_a_database_that_is_away_is_no_wrong_password(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> Member:
            raise StoreBusy("The database cannot be reached.")

        monkeypatch.setattr(Authenticator, "login", fail)
        with pytest.raises(StoreBusy):
            log_in(Auth(stock_configuration(runtime), runtime), "alice", "secret")

    @pytest.mark.parametrize(
        ("peer", "told", "counted"),
        [
            ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("127.0.0.1", None, "127.0.0.1"),
            ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
            ("", "192.0.2.7", "192.0.2.7"),
            (None, None, ""),
        ],
    )
    def test_only_a_trusted_proxy_tells_the_address(
        self,
        runtime: Runtime,
        monkeypatch: pytest.MonkeyPatch,
        peer: str,
        told: str,
        counted: str,
    ) -> None:
        seen: list[Origin] = []

        def note(
            _self: object, _connection: object, _n: str, _p: str, origin: Origin, _proof: None
        ) -> Member:
            seen.append(origin)
            raise StoreBusy("enough")

        monkeypatch.setattr(Authenticator, "login", note)
        context = AuthContext()
        context.remote_addr, context.x_remote_addr = peer, told
        with pytest.raises(StoreBusy):
            Auth(stock_configuration(runtime), runtime).login("alice", "secret", context)
        assert seen == [Origin(counted, "")]


def storage_with_home(runtime: Runtime) -> Storage:
    """Return a storage with the home of alice."""
    make_new_user(runtime.database)
    made = Storage(stock_configuration(runtime), runtime)
    with made.acquire_lock("w", "alice"):
        made.create_collection("/alice/")
    return made


class TestReading:
    @pytest.mark.parametrize("path", ["/", "/alice/", "/alice/contacts/"])
    def test_discovery_looks_at_no_more_than_is_taken(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        made = storage_with_home(runtime)
        below = Mock(side_effect=AssertionError("nobody asked for what is below"))
        monkeypatch.setattr(storage_module, "list_home", below)
        monkeypatch.setattr(Collection, "list_items", below)
        with made.acquire_lock("r", "alice"):
            first = next(iter(made.discover(path, depth="1")))
        assert isinstance(first, Fixed)
        assert first.path == path.strip("/")

    def test_rights_are_asked_from_the_database_once_a_session(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = storage_with_home(runtime)
        permissions = Rights(stock_configuration(runtime), runtime)
        asked = Mock(side_effect=rights_module.find_book)
        monkeypatch.setattr(rights_module, "find_book", asked)
        for sessions in (1, 2):
            with made.acquire_lock("r", "alice"):
                for _ in range(100):
                    letters = permissions.authorization("alice", set(), "/alice/contacts/")
                    assert letters == "rwo"
            assert asked.call_count == sessions

    def test_verification_names_a_damaged_card(
        self, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        made = storage_with_home(runtime)
        with made.acquire_lock("w", "alice"):
            [book] = list(made.discover("/alice/", "1"))[1:]
            assert isinstance(book, Collection)
            text = vcard().decode()
            book.upload("ann.vcf", item.Item(collection_path=book.path, text=text))
        with made.acquire_lock("r"):
            assert made.verify()
        with runtime.database.write() as connection:
            connection.exec_driver_sql("UPDATE cards SET content = X'78'")
        with made.acquire_lock("r"):
            assert not made.verify()
        assert "ann.vcf" in caplog.text


class TestTwoProcesses:
    def test_both_serve_one_state(
        self, stock: StockWorld, stocked: Stocked, tmp_path: Path
    ) -> None:
        with StockServer(tmp_path, stocked.config) as other:
            alice, book = stock.shared()
            there = stock.at(other, alice)
            path = alice.path(book)
            assert alice.put(f"{path}ann.vcf", vcard()).status == 201
            token = there.sync(path).sync_token
            assert there.put(f"{path}ann.vcf", vcard("ann", "New")).status == 204
            assert alice.sync(path, token).hrefs == [f"{path}ann.vcf"]
            assert b"FN:New" in alice.get(f"{path}ann.vcf").body
            stock.revoke(book, alice)
            assert there.get(f"{path}ann.vcf").status == 404


class TestStarting:
    def start(self, folder: Path, text: str) -> str:
        """Return what Radicale says when it does not start."""
        path = folder / "radicale.conf"
        path.write_text(text)
        command = [sys.executable, "-m", "radicale", "-C", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        return done.stderr

    @pytest.mark.parametrize("kind", [Auth, Rights, Storage])
    def test_an_option_written_wrong_is_refused(self, runtime: Runtime, kind: type[Any]) -> None:
        made = stock_configuration(runtime)
        made.update({kind.__name__.lower(): {"sharedbook_config": "x"}}, "test")
        with pytest.raises(RuntimeError, match="Invalid option 'sharedbook_config'"):
            kind(made, runtime)

    def test_radicales_own_sharing_is_refused(self, runtime: Runtime) -> None:
        made = stock_configuration(runtime)
        made.update({"sharing": {"type": "csv"}}, "test")
        with pytest.raises(RuntimeError, match=re.escape("set [sharing] type = none")):
            Storage(made, runtime)

    def test_all_plugins_of_a_process_share_one_database(
        self, stocked: Stocked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stock_module, "_runtimes", {})
        monkeypatch.setattr(stock_module, "configure_logging", lambda _config: None)
        first, second = (stock_module.shared_runtime(str(stocked.config)) for _ in range(2))
        assert first is second
        first.close()

    def test_a_database_without_tables_is_refused_with_the_next_step(
        self, sqlite_databases: SqliteDatabases, tmp_path: Path
    ) -> None:
        with sqlite_databases.blank() as url:
            text = example_configuration(1, write_configuration(tmp_path, url))
            assert "run 'sharedbooks db upgrade'" in self.start(tmp_path, text)

    def test_a_missing_configuration_is_named(self, tmp_path: Path) -> None:
        text = example_configuration(1, tmp_path / "nowhere.toml")
        assert str(tmp_path / "nowhere.toml") in self.start(tmp_path, text)
