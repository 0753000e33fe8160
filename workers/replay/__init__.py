"""The replay: a year of real retail sales bought again in simulated shops, to see what the hub does under real demand.

The hub is driven through its own doors only: buyers buy what a shop shows, orders come in by the adapters, a warehouse
ships by the API. Invariant: the replay reads figures from the database; it writes none that a merchant could not write.
"""
