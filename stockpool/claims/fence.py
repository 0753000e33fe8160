"""The fence: binds the gate's keys and script to an epoch that belongs to one life of Redis and one of PostgreSQL.

Invariant: a restarted, wiped, promoted or stale Redis does not know the script of the present epoch, so it answers
NOSCRIPT and admits nothing until it is fenced; exactly one bump per identity, however many processes race; an epoch is
greater than all before it, even after a restore of the database.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import Database
from hub.core.redis import Redis
from stockpool.claims.levels import BUCKET
from stockpool.errors import GateClosed

_SCRIPT = Path(__file__).with_name("gate.lua").read_text(encoding="utf-8")
_POSTGRES_LIFE = text(
    """
    SELECT system_identifier || ':' || CASE WHEN pg_is_in_recovery() THEN 'standby'
           ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END
    FROM pg_control_system()
    """
)
_KNOWN = text("SELECT epoch FROM gate WHERE bucket = :bucket AND identity = :identity")
_BUMP = text(
    """
    INSERT INTO gate (bucket, epoch, identity)
    VALUES (:bucket, floor(extract(epoch FROM clock_timestamp()) * 1000), :identity)
    ON CONFLICT (bucket) DO UPDATE SET
        epoch = CASE WHEN gate.identity IS DISTINCT FROM excluded.identity
                THEN greatest(gate.epoch + 1, excluded.epoch) ELSE gate.epoch END,
        bumps = gate.bumps + (gate.identity IS DISTINCT FROM excluded.identity)::int,
        bumped_at = CASE WHEN gate.identity IS DISTINCT FROM excluded.identity THEN now() ELSE gate.bumped_at END,
        identity = excluded.identity
    RETURNING epoch
    """
)
_SPEND = text("UPDATE gate SET identity = 'spent' WHERE bucket = :bucket")


@dataclass(frozen=True, slots=True)
class Fence:
    """A namespace at the gate: nobody has one without having fenced."""

    epoch: int
    sha: str
    run_id: str

    @property
    def pendings(self) -> str:
        """The hash of what is admitted and not yet granted."""
        return f"g:{{{BUCKET}}}:{self.epoch}:pd"

    @property
    def deadlines(self) -> str:
        """When each pending falls off."""
        return f"g:{{{BUCKET}}}:{self.epoch}:dl"

    @property
    def stock_prefix(self) -> str:
        """Before the plain name of a stock level."""
        return f"g:{{{BUCKET}}}:{self.epoch}:s:"


async def put_up_fence(redis: Redis, database: Database) -> Fence:
    """Find or bump the epoch of this Redis and load its script. Raises GateClosed, RedisError, OSError."""
    info = await redis.info()
    if info.get("role") != "master":
        raise GateClosed("The gate's Redis is not a primary.")
    async with database.transaction() as session:
        epoch = await _epoch_of(session, f"{info['run_id']}:{info['master_replid']}")
    script = f"-- epoch {epoch} bucket {BUCKET}\n{_SCRIPT}"
    async with redis.pipeline(transaction=True) as pipe:
        pipe.script_load(script)
        pipe.info()
        sha, after = await pipe.execute()
    if (after["run_id"], after["master_replid"], after["role"]) != (info["run_id"], info["master_replid"], "master"):
        # It was replaced between the two looks and has just learned a script that is not its own.
        await redis.script_flush()
        raise GateClosed("The gate's Redis changed while it was being fenced.")
    return Fence(epoch, str(sha), str(info["run_id"]))


async def spend_epoch(session: AsyncSession) -> None:
    """Have the next fence bump the epoch: changes could not be told to the present one."""
    await session.execute(_SPEND, {"bucket": BUCKET})


async def _epoch_of(session: AsyncSession, redis_life: str) -> int:
    identity = f"{redis_life}:{(await session.execute(_POSTGRES_LIFE)).scalar_one()}"
    place = {"bucket": BUCKET, "identity": identity}
    known = (await session.execute(_KNOWN, place)).scalar()  # the usual case writes nothing
    return int(known if known is not None else (await session.execute(_BUMP, place)).scalar_one())
