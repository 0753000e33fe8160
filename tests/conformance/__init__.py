"""What every marketplace adapter must show: an adapter's own test inherits `suite.Conformance` and names its kind."""
