"""WHMCS behind the `Panel` protocol; `opening` makes the panel from the settings."""
