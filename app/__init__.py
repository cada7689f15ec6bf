"""Doorman: decides about new orders of a billing panel."""
