"""Doorman: decides at the door of a billing panel."""
