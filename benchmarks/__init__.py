"""The figures of the README, measured on this machine in one run: ratios first, because they travel further than rates.

Every benchmark works on a fresh, migrated database and a flushed Valkey, both durable (fsync, synchronous commit),
calls the same functions as production, and checks its own outcome before it reports a figure.
"""
