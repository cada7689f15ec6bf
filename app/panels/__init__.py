"""Adapters to billing panels: what a panel can tell and do (`base`), WHMCS, and the sandbox."""
