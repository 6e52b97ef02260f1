"""Events of the Wyoming protocol, read from a client that may send anything.

An event is a line of JSON, then ``data_length`` bytes of more JSON and
``payload_length`` bytes of sound. The package's own reader believes the
lengths; this one has limits, and says what is wrong.
"""

import asyncio
import json
from typing import Any

from wyoming.event import Event

from bifsmn_tf.errors import UserError

MOST_DATA = 1 << 20
"""Bytes of JSON after an event's line."""

MOST_PAYLOAD = 1 << 24
"""Bytes of sound in an event: minutes of it."""


class ProtocolError(UserError):
    """Bytes that are no event: where the next one begins is not known."""


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """Reads the next event.

    Args:
        reader: of the connection.

    Returns:
        The event; None at the end of the connection.

    Raises:
        ProtocolError: What came is no event.
        IncompleteReadError: The connection ended within one.
    """
    try:
        line = await reader.readline()
    except ValueError as error:
        raise ProtocolError("a line is too long to be an event") from error
    if not line:
        return None
    values = _object(line)
    if not isinstance(values.get("type"), str):
        raise ProtocolError("an event has a type")
    data = values.get("data") or {}
    if not isinstance(data, dict):
        raise ProtocolError("an event's data is an object")
    if size := _length(values, "data_length", MOST_DATA):
        data = data | _object(await reader.readexactly(size))
    payload = None
    if size := _length(values, "payload_length", MOST_PAYLOAD):
        payload = await reader.readexactly(size)
    return Event(values["type"], data, payload)


def _object(text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("an event is a line of JSON") from error
    if not isinstance(values, dict):
        raise ProtocolError("an event is an object")
    try:
        # Half a character, which JSON has as an escape, cannot be sent back.
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ProtocolError("an event's text is Unicode") from error
    return values


def _length(values: dict[str, Any], name: str, most: int) -> int:
    length = values.get(name)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= most:
        raise ProtocolError(f"{name} is from 0 to {most:,}, not {length!r}")
    return length
