"""The fault run: people trade while a seeded schedule breaks processes, servers and marketplaces; then all is counted.

Invariant: the hub is driven through its own doors only; what the simulated shops know is the truth that orders are
compared with; a run is bounded in time and count, touches only processes that it started, and leaves nothing behind.
"""
