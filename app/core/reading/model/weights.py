"""A trained model as it is read from its file: classes, weights, thresholds; and the sums of weights.

A file is a line with the SHA-256 of what follows, and a zlib stream of one JSON document. Every number in it is whole.
The weights of a feature for all classes are one long whole number, 64 bits a class, so that the weights of a text are
added without a loop over the classes, and exactly.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, Generic, TypeVar

import msgspec

from app.core.reading.model.features import letters_of
from app.core.reading.model.groups import DIGEST

K = TypeVar("K", str, int)

FORMAT: Final = 1
SHIPPED: Final = "tickets.model"
_BITS: Final = 64
_WORDS_KEPT: Final = 20_000


class ModelError(Exception):
    """A model file is damaged, or not made for this version of Doorman; the message says which file and why."""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Features of one kind: their names, how rare each is, a weight for each class, and what the block counts."""

    names: list[str | int]
    rarity: list[int]
    weights: str  # base64 of a signed byte for each feature and class
    share: int  # of the block in the sum


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model file says."""

    format: int
    version: str
    groups: str  # digest of the groups of words that it was trained with
    corpus: str  # digest of the texts that it was trained with
    classes: list[str]
    bias: list[int]
    heat: int  # margins are multiplied by it before they become probabilities
    order_from: int  # probability from which a text is an order by message, in millionths
    answer_from: int  # probability from which a topic is named, in millionths
    words: Block
    letters: Block
    ordering: Block
    topics: Block
    figures: dict[str, Any] = {}


class Rows(Generic[K]):
    """The weights of one block, by feature; a row's last field is the square of the feature's rarity."""

    def __init__(self, block: Block, classes: int) -> None:
        """Unpack a block. Raises ValueError if its lengths don't agree."""
        raw = base64.b64decode(block.weights, validate=True)
        if not len(block.names) == len(block.rarity) == len(raw) / classes:
            raise ValueError("the weights are not as many as the features")
        packer = Packer(classes)
        self.share: Final = block.share
        self.by_name: dict[K, int] = {}
        for at, (name, rarity) in enumerate(zip(block.names, block.rarity, strict=True)):
            row = packer.packed(raw[at * classes : (at + 1) * classes])
            self.by_name[name] = row * rarity + packer.last(rarity * rarity)  # type: ignore[index]

    def total(self, features: Iterable[K]) -> int:
        """Return the sum of the rows of the features that are known."""
        rows = self.by_name
        return sum([rows[one] for one in features if one in rows])


class Packer:
    """Whole numbers for each class, and one more, in one long number."""

    def __init__(self, classes: int) -> None:
        """Prepare for so many classes."""
        self._classes = classes
        self._form = struct.Struct(f"<{classes + 1}Q")
        self._half = 1 << (_BITS - 1)
        self._halves = sum(self._half << (_BITS * at) for at in range(classes + 1))
        self._mask = (1 << _BITS) - 1
        self._middle = sum(128 << (_BITS * at) for at in range(classes))

    def packed(self, signed: bytes) -> int:
        """Return a row of signed bytes as one number."""
        spread = bytearray(self._classes * 8)
        spread[::8] = bytes((value + 128) & 255 for value in signed)
        return int.from_bytes(spread, "little") - self._middle

    def last(self, value: int) -> int:
        """Return a number that has only the last field."""
        return value << (_BITS * self._classes)

    def fields(self, rows: Iterable[int], at: int) -> list[int]:
        """Return one field of each number."""
        halves, shift, mask, half = self._halves, _BITS * at, self._mask, self._half
        return [((row + halves) >> shift & mask) - half for row in rows]

    def unpacked(self, row: int) -> list[int]:
        """Return the fields of a number."""
        raw = (row + self._halves).to_bytes(self._form.size, "little")
        return [field - self._half for field in self._form.unpack(raw)]


class Model:
    """A model ready to read with."""

    def __init__(self, document: Document) -> None:
        """Unpack a document. Raises ValueError if it doesn't agree with itself."""
        count = len(document.classes)
        if len(document.bias) != count or not count:
            raise ValueError("the classes and their bias are not as many")
        self.document: Final = document
        self.packer: Final = Packer(count)
        self.words: Final[Rows[str]] = Rows(document.words, count)
        self.ordering: Final[Rows[int]] = Rows(document.ordering, count)
        self.topics: Final[Rows[int]] = Rows(document.topics, count)
        self.letters: Final[Rows[str]] = Rows(document.letters, count)
        self.of_word: Final = lru_cache(maxsize=_WORDS_KEPT)(self._of_word)

    @property
    def version(self) -> str:
        """Which model it is, as it is shown with each reading."""
        return self.document.version

    def _of_word(self, word: str) -> int:
        """Return the sum of a word's letters; kept, because most words come again."""
        return self.letters.total(letters_of(word))


def load(content: bytes, *, name: str) -> Model:
    """Return the model in a file's content. Raises ModelError, with this name, for a damaged or unfitting one."""
    digest, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest.strip():
        raise ModelError(f"{name}: the file is damaged: its content does not have the digest that it begins with")
    try:
        document = msgspec.json.decode(zlib.decompress(body), type=Document)
        if document.format != FORMAT:
            raise ModelError(f"{name}: format {document.format}, not {FORMAT}")
        if document.groups != DIGEST:
            raise ModelError(f"{name}: it was trained with other groups of words than this version of Doorman has")
        return Model(document)
    except (zlib.error, msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise ModelError(f"{name}: {error}") from error


def saved(document: Document) -> bytes:
    """Return a document as the content of a file."""
    body = zlib.compress(msgspec.json.encode(document), 9)
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


@lru_cache(maxsize=1)
def shipped() -> Model:
    """Return the model that Doorman ships, read when it is first needed. Raises ModelError."""
    try:
        content = (files(__package__) / SHIPPED).read_bytes()
    except OSError as error:
        raise ModelError(f"{SHIPPED}: {error}") from error
    return load(content, name=SHIPPED)
