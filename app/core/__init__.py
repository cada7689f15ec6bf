"""The judgement: pure functions over facts. No I/O, no clock, no settings, no logging."""
