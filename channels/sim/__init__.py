"""The local simulator of the marketplaces: real protocols over real HTTP, one clock, one store, seeded faults."""
