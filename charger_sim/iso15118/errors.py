"""Exceptions of the ISO 15118 stack: whose fault it is shows in the type.

``Iso15118Error``
├── ``LocalProtocolError``   this side was used wrongly: a bug, or a message that cannot be built
└── ``RemoteProtocolError``  the peer broke the protocol
    └── ``FrameError``       its octets are no V2GTP or SDP message

They never reach a peer: a SECC answers with a response code, or ends the session.
"""

from __future__ import annotations


class Iso15118Error(Exception):
    """Base of all."""


class LocalProtocolError(Iso15118Error):
    """This side was used wrongly."""


class RemoteProtocolError(Iso15118Error):
    """The peer broke the protocol."""


class FrameError(RemoteProtocolError):
    """The peer's octets are no V2GTP or SDP message."""
