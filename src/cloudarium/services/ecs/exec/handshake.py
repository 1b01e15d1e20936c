"""How a session begins: the token, then the agent says what kind of session it is and the client agrees."""

from __future__ import annotations

from typing import Any

import msgspec

AGENT_VERSION = "3.3.987.0"
"""The version of AWS's agent whose protocol this is: the plugin decides by it what it may ask for."""
SESSION_TYPE = "InteractiveCommands"


class OpenDataChannel(msgspec.Struct, kw_only=True, rename="pascal"):
    """The first, textual message of a client."""

    message_schema_version: str = "1.0"
    request_id: str
    token_value: str
    client_id: str
    client_version: str = ""


class ClientAction(msgspec.Struct, kw_only=True, rename="pascal"):
    """Something the agent asks of the client."""

    action_type: str
    action_parameters: dict[str, Any] = {}


class HandshakeRequest(msgspec.Struct, kw_only=True, rename="pascal"):
    """The agent's opening."""

    agent_version: str
    requested_client_actions: list[ClientAction]


class ProcessedAction(msgspec.Struct, kw_only=True, rename="pascal"):
    """What became of one action: ``action_status`` 1 is success, 2 failure, 3 not supported."""

    action_type: str
    action_status: int = 0
    action_result: Any = None
    error: str = ""


class HandshakeResponse(msgspec.Struct, kw_only=True, rename="pascal"):
    """The client's answer."""

    client_version: str = ""
    processed_client_actions: list[ProcessedAction] = []
    errors: list[str] | None = None


class HandshakeComplete(msgspec.Struct, kw_only=True, rename="pascal"):
    """The agent's last word before output flows; the time is in nanoseconds."""

    handshake_time_to_complete: int = 0
    customer_message: str = ""


class ChannelClosed(msgspec.Struct, kw_only=True, rename="pascal"):
    """Why a session is over; ``output`` empty for a session that simply ended."""

    message_id: str
    created_date: str
    destination_id: str
    session_id: str
    message_type: str = "channel_closed"
    schema_version: int = 1
    output: str = ""


class TerminalSize(msgspec.Struct):
    """The client's terminal, in characters."""

    cols: int
    rows: int


def request(command: str) -> bytes:
    """The agent's opening for a command."""
    action = ClientAction(
        action_type="SessionType",
        action_parameters={"SessionType": SESSION_TYPE, "Properties": {"command": command}},
    )
    return msgspec.json.encode(HandshakeRequest(agent_version=AGENT_VERSION, requested_client_actions=[action]))
