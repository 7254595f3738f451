"""A mail server on the loopback address that speaks just enough of RFC 5321 to be sent to, and fails as asked."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum


class Mood(Enum):
    WELL = "takes everything"
    BUSY = "451 to every recipient"
    FULL = "452 after the text"
    SILENT = "never greets"
    DRIPPING = "greets for ever, a line at a time"
    RUDE = "hangs up in the middle of the text"


@dataclass(slots=True)
class Mailbox:
    """What arrived: the envelope and the letter. ``mood`` is that of the next conversation."""

    mood: Mood = Mood.WELL
    letters: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    calls: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """As the settings of a school name it; without a password, because nothing here is worth one."""
        return f"mailto://127.0.0.1:{self.port}?smtp=127.0.0.1&from=robot@school.example&to={{address}}"


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]  # set below
        mood = box.mood  # of the whole conversation, also when the next one finds another
        box.calls += 1
        if mood is Mood.SILENT:
            box.hung_up.wait(30)
            return
        while mood is Mood.DRIPPING:
            try:
                self._say("220-more of the greeting follows")
            except OSError:
                return
            if box.hung_up.wait(0.1):
                return
        self._say("220 loopback")
        sender, recipients = "", list[str]()
        while line := self.rfile.readline():
            match line.decode().strip().split(" ", 1):
                case [verb, rest] if verb.upper() == "MAIL":
                    sender = rest.partition("<")[2].partition(">")[0]
                    self._say("250 ok")
                case [verb, rest] if verb.upper() == "RCPT" and mood is Mood.BUSY:
                    self._say("451 greylisted, come back later")
                case [verb, rest] if verb.upper() == "RCPT":
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    self._say("250 ok")
                case [verb] if verb.upper() == "DATA":
                    self._say("354 go on")
                    if mood is Mood.RUDE:
                        self.rfile.readline()
                        return
                    text = self._letter()
                    if mood is Mood.FULL:
                        self._say("452 no room")
                        continue
                    box.letters.append((sender, recipients, message_from_bytes(text, policy=policy.default)))
                    self._say("250 taken")
                case [verb] if verb.upper() == "QUIT":
                    self._say("221 bye")
                    return
                case [verb, *_] if verb.upper() in {"EHLO", "HELO", "RSET", "NOOP"}:
                    self._say("250 loopback")
                case _:
                    self._say("502 not here")

    def _letter(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mailbox]:
    """Listens until the end of the block, on a free port by default; afterwards connections are refused."""
    box = Mailbox()
    server = _Server(("127.0.0.1", port), _Conversation)
    server.box = box  # type: ignore[attr-defined]
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        box.hung_up.set()
        server.shutdown()
        server.server_close()
        thread.join()
