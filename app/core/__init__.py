"""The judgement: pure functions over facts. No clock, settings or logging; no I/O but its own data at import."""
