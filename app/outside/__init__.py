"""Signals from outside: services and files that know what the panel does not. All off by default; evidence only."""
