"""The judgement: pure functions over facts. No clock, settings or logging, no I/O but reading its own data on import."""
