"""Facts as bytes, for the stored cases of the history (MessagePack, because a backtest reads a million of them)."""

from __future__ import annotations

import msgspec

from app.core.facts import Facts

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Facts)


def pack(facts: Facts) -> bytes:
    """Return facts as they are stored."""
    return _ENCODER.encode(facts)


def unpack(stored: bytes) -> Facts:
    """Return stored facts as they were judged. Raises msgspec.DecodeError for what `pack` never wrote."""
    return _DECODER.decode(stored)
