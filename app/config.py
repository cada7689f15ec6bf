"""Settings from the environment or a ``.env`` file; an unknown ``DOORMAN_…`` variable is an error."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from app.core.records import Mode
from app.core.retry import parse_delays
from app.db import async_url, require_folder

PREFIX = "DOORMAN_"
MOST_GEOIP_FILES = 3  # one for countries, one for networks, one for anonymisers


class SettingsError(Exception):
    """The environment has a setting that prevents the start; the text says what to change."""


class Settings(BaseModel):
    """One field for each ``DOORMAN_…`` variable; the descriptions are what the README lists."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    database_url: str = Field(
        "sqlite+aiosqlite:///doorman.db", description="SQLite file, or postgresql://… for several replicas."
    )
    mode: Mode = Field(
        Mode.SHADOW, description="`shadow` computes and records everything and calls nothing; `enforce` acts."
    )
    panel_url: str | None = Field(None, description="WHMCS base address; calls go to `<url>/includes/api.php`.")
    panel_identifier: SecretStr | None = Field(None, description="API credential: identifier.")
    panel_secret: SecretStr | None = Field(None, description="API credential: secret.")
    panel_access_key: SecretStr | None = Field(
        None, description="`$api_access_key` of configuration.php, if it replaces the IP list."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="`whsec_…`; several separated by spaces while rotating. Unset: the endpoint is off."
    )
    admin_key: SecretStr | None = Field(None, description="Bootstrap API key of role admin (at least 32 characters).")
    policy_file: Path | None = Field(
        None, description="Policy file to publish and activate at start, unless it was published before."
    )
    retry_delays: tuple[float, ...] = Field(
        (1, 5, 30, 120, 600, 1800, 3600, 10800, 21600, 43200, 86400, 91000),
        description="Seconds between attempts at a panel call and at handling an event.",
    )
    panel_rate: float = Field(20, ge=0.01, le=10_000, description="Maximum panel calls per second.")
    panel_settle_seconds: float = Field(
        150, gt=0, le=86_400, description="How long an attempt without an answer may still take effect."
    )
    panel_timeout: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="Timeout of each panel call in seconds; default: 120 for accept, 30 for others.",
    )
    settle_seconds: float = Field(
        90, ge=0, le=86_400, description="How long an unpaid, unchecked order may wait for its decision."
    )
    panel_timezone: str | None = Field(
        None, description="IANA name of the panel's time zone; default: learned from its clock."
    )
    reconcile_seconds: float = Field(300, ge=1, le=86_400, description="Seconds between comparisons with the panel.")
    public_url: str | None = Field(None, description="Address at which people reach this service, for links.")
    log_format: Literal["console", "json"] | None = Field(
        None, description="`console` or `json`; default: console on a terminal, else json."
    )

    geoip_file: tuple[Path, ...] | None = Field(
        None,
        description="Databases in the MMDB format, read locally, separated by commas: countries or cities, networks "
        "(ASN), anonymisers (GeoIP2 Anonymous IP). Any of them, in any order.",
    )
    minfraud_account: int | None = Field(
        None, ge=1, description="MaxMind account id: each new order is scored by minFraud, which MaxMind bills."
    )
    minfraud_key: SecretStr | None = Field(None, description="Licence key of that account.")
    fraudrecord_key: SecretStr | None = Field(
        None, description="FraudRecord API key: asks what other hosts report about a customer (hashed)."
    )

    @field_validator("geoip_file", mode="before")
    @classmethod
    def _geoip_files(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        paths = tuple(part.strip() for part in value.split(",") if part.strip())
        if len(paths) > MOST_GEOIP_FILES:
            raise ValueError(f"at most {MOST_GEOIP_FILES} files, separated by commas")
        return paths

    @field_validator("minfraud_key", "fraudrecord_key")
    @classmethod
    def _outside_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            raise ValueError("contains characters that no key has")
        return value

    @model_validator(mode="after")
    def _minfraud_is_whole(self) -> Self:
        if (self.minfraud_account is None) != (self.minfraud_key is None):
            raise ValueError("DOORMAN_MINFRAUD_ACCOUNT and DOORMAN_MINFRAUD_KEY must be set together")
        return self

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _delays(cls, value: Any) -> Any:
        return parse_delays(value) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        require_folder(async_url(value))
        return value

    @field_validator("panel_timezone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError("not an IANA time zone name, such as Europe/Berlin")
        return value

    @field_validator("panel_url")
    @classmethod
    def _panel_url(cls, value: str | None) -> str | None:
        return None if value is None else safe_panel_url(value)

    @field_validator("admin_key")
    @classmethod
    def _admin_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("too short: at least 32 characters")
        return value

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The valid secrets, newest first; empty if the endpoint is off."""
        return tuple(self.webhook_secret.get_secret_value().split()) if self.webhook_secret else ()

    @property
    def zone(self) -> ZoneInfo | None:
        """The panel's zone, if set."""
        return ZoneInfo(self.panel_timezone) if self.panel_timezone else None

    @property
    def panel_configured(self) -> bool:
        """True if the settings are sufficient to call the panel."""
        return bool(self.panel_url and self.panel_identifier and self.panel_secret)


def safe_panel_url(value: str) -> str:
    """Return the address without a trailing slash; plain http is allowed for loopback only.

    Raises ValueError for anything else.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must look like https://billing.example.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must be https: credentials would be sent in clear text")
    return value.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Read the settings: overrides before the environment before `.env`; an empty variable is not set.

    Raises SettingsError naming each variable that is unknown or wrong.
    """
    known = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    variables = (*dotenv_values(".env").items(), *os.environ.items())
    given = {name.upper(): value for name, value in variables if name.upper().startswith(PREFIX)}
    if unknown := sorted(given.keys() - known.keys()):
        raise SettingsError(f"unknown setting {', '.join(unknown)}; the known ones are: {', '.join(sorted(known))}")
    try:
        return Settings(**{known[name]: value for name, value in given.items() if value} | overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_in_words, error.errors(include_input=False)))) from None


def _in_words(error: Any) -> str:
    """Return the error with the setting's name; an error about several settings names them itself."""
    text = str(error["msg"]).removeprefix("Value error, ")
    name = "_".join(map(str, error["loc"])).upper()
    return f"{PREFIX}{name}: {text}" if name else text
