"""Events that come in: stored once, acknowledged, and then handled, each with its effect once."""
