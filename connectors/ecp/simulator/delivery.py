"""How an answer leaves by the socket: in one write as a decent server does it, or dropped, cut, in drips."""

from __future__ import annotations

import socket
import struct
import threading
from http import HTTPStatus

from connectors.ecp.simulator.wire import Drip, Reply

DRIP_SECONDS = 0.05  # between two drips, unless the burst says otherwise
CHUNK = 16 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


def deliver(
    connection: socket.socket, reply: Reply, *, keep: bool, with_body: bool, stopping: threading.Event
) -> bool:
    """Send ``reply`` as it asks for; whether the connection stays open."""
    if reply.drop is not None:
        if reply.drop == "reset":
            _reset(connection)
        return False
    keep = keep and reply.cut is None and reply.framing != "close" and reply.raw is None
    head, body = rendered(reply, keep=keep, with_body=with_body)
    if reply.cut is not None:
        whole = head + body
        connection.sendall(whole[: reply.cut.after + (0 if reply.cut.in_head else len(head))])
        if reply.cut.reset:
            _reset(connection)
    elif reply.drip is None:
        connection.sendall(head + body)
    else:
        keep = _drip(connection, head, body, reply.drip, stopping) and keep
    return keep


def rendered(reply: Reply, *, keep: bool, with_body: bool = True) -> tuple[bytes, bytes]:
    """Head and body of ``reply`` as bytes."""
    if reply.raw is not None:
        return reply.raw, b""
    head = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}"]
    head.append(f"Content-Type: {reply.content_type}")
    if reply.framing == "length":
        head.append(f"Content-Length: {len(reply.body)}")
    elif reply.framing == "chunked":
        head.append("Transfer-Encoding: chunked")
    head += [f"{name}: {value}" for name, value in reply.headers.items()]
    if not keep:
        head.append("Connection: close")
    body = reply.body if with_body else b""
    if reply.framing == "chunked" and with_body:
        body = _chunked(body)
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1"), body


def _chunked(body: bytes) -> bytes:
    parts = [body[place : place + CHUNK] for place in range(0, len(body), CHUNK)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _reset(connection: socket.socket) -> None:
    """Tear the connection down: with this option set, closing sends RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _drip(connection: socket.socket, head: bytes, body: bytes, drip: Drip, stopping: threading.Event) -> bool:
    """Whether everything left: a stopping server does not finish."""
    if not drip.head:
        connection.sendall(head)
        head = b""
    trickling = head + body
    rest, last = (trickling[:-1], trickling[-1:]) if drip.last_pause else (trickling, b"")
    if stopping.wait(drip.first_pause) or not _trickle(connection, rest, drip, stopping):
        return False
    if last:
        if stopping.wait(drip.last_pause):
            return False
        connection.sendall(last)
    return True


def _trickle(connection: socket.socket, content: bytes, drip: Drip, stopping: threading.Event) -> bool:
    if drip.pace is None:
        connection.sendall(content)
        return True
    step = drip.burst or max(1, int(drip.pace * DRIP_SECONDS))
    pause = step / drip.pace if drip.burst else max(DRIP_SECONDS, step / drip.pace)
    for place in range(0, len(content), step):
        if place and stopping.wait(pause):
            return False
        connection.sendall(content[place : place + step])
    return True
