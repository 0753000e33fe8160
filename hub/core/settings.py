"""Where and how this installation runs: one class, read once from the environment at the edge of each process.

Invariant: settings never change while a process lives, nothing reads them at import, and no secret has a default.
What belongs to one shop (credentials, cursors, buffers) is data in the database and is not here.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "HUB_"
_Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """The environment does not make a usable configuration; the text names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """All settings. Each is the environment variable HUB_<NAME>; units stand in the names."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        default=Path("var"),
        description="Folder of everything that this installation keeps on disk: the embedded servers' data, "
        "their logs, the generated key. Relative paths start at the working directory.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the web process listens on.")
    port: _Port = Field(default=8080, description="TCP port of the console and the API.")
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL 15 or newer, as postgresql+asyncpg://user:password@host/name. "
        "Without it `tongku up` runs its own PostgreSQL in HUB_HOME.",
    )
    database_pool_size: PositiveInt = Field(
        default=10, description="Connections to PostgreSQL that one process keeps open at most."
    )
    redis_url: str | None = Field(
        default=None,
        description="Redis 7 or Valkey 8, or newer, as redis://, rediss:// or unix://, for queues and wake-ups. "
        "Without it `tongku up` runs its own Valkey in HUB_HOME.",
    )
    gate_url: str | None = Field(
        default=None,
        description="Redis or Valkey of the reservation gate. Without it the gate lives in HUB_REDIS_URL.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret (32 characters or more) from which the keys for sealed credentials, buyer data and "
        "sessions are derived. Without it `tongku up` generates one into HUB_HOME/secret.key; "
        "every other process needs one of the two.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json for machines, console for eyes; auto asks whether a terminal listens."
    )
    workers: PositiveInt = Field(default=1, description="Worker processes that `tongku up` runs.")
    sweep_seconds: PositiveFloat = Field(
        default=5.0, description="Pause between two sweeps for work that was left behind, in seconds."
    )
    drain_seconds: PositiveFloat = Field(
        default=20.0, description="Time that processes get to finish their work at a stop, in seconds."
    )
    sim: bool = Field(default=True, description="Whether `tongku up` runs the local simulator of the marketplaces.")
    sim_orders_per_minute: NonNegativeInt = Field(
        default=20, description="How many orders the simulated buyers of the demo place, all shops together."
    )
    sim_port: _Port = Field(default=8090, description="TCP port of the local simulator (always on 127.0.0.1).")

    follow_parent: bool = Field(
        default=False,
        description="Whether `tongku up` stops when the process that started it ends; `make run` sets it, "
        "so that nothing is left behind when make is killed.",
    )

    @field_validator("home")
    @classmethod
    def _home_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def sim_url(self) -> str:
        """Where the local simulator answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.sim_port}"

    @property
    def console_url(self) -> str:
        """Where a browser on this machine reaches the console, without a slash at the end."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def database(self) -> str:
        """The database's address. Raises SettingsError when none is set."""
        return _required(self.database_url, "HUB_DATABASE_URL", "or start `tongku up`, which brings its own")

    def redis(self) -> str:
        """The queue's Redis. Raises SettingsError when none is set."""
        return _required(self.redis_url, "HUB_REDIS_URL", "or start `tongku up`, which brings its own")

    def gate(self) -> str:
        """The gate's Redis. Raises SettingsError when none is set."""
        return self.gate_url or self.redis()

    def secret(self) -> str:
        """The secret from which keys are derived. Raises SettingsError when there is none."""
        value = self.secret_key.get_secret_value() if self.secret_key else None
        return _required(value, "HUB_SECRET_KEY", "32 random characters or more, the same for every process")


def load_settings() -> Settings:
    """Read the environment, and the key file in HUB_HOME when HUB_SECRET_KEY is not given. Raises SettingsError."""
    try:
        settings = Settings()
        if settings.secret_key is None and (kept := read_secret(settings.home)):
            settings = settings.model_copy(update={"secret_key": SecretStr(kept)})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except OSError as error:
        raise SettingsError(f"HUB_HOME: {error.strerror}: {error.filename}") from error
    return settings


def secret_path(home: Path) -> Path:
    """Where `tongku up` keeps the generated secret (mode 0600)."""
    return home / "secret.key"


def read_secret(home: Path) -> str | None:
    """The generated secret, or None when there is none yet."""
    path = secret_path(home)
    return path.read_text("ascii").strip() if path.exists() else None


def settings_table() -> str:
    """All settings as a Markdown table: variable, default, meaning. The manual holds the same rows; a test compares."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{str(field.default).lower()}`"
        rows.append(f"| `{_PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _required(value: str | None, variable: str, hint: str) -> str:
    if not value:
        raise SettingsError(f"{variable} is not set: give it, {hint}.")
    return value


def _explain(error: ValidationError) -> str:
    """One line per wrong variable; the value itself is left out, it may be a secret."""
    wrong = error.errors(include_input=False)
    return "; ".join(f"{_PREFIX}{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in wrong)
