"""Mails about a session: what is written when, kept on the disk until a server takes it."""

from __future__ import annotations

import os
import smtplib
import ssl
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from ..core.errors import InputError, parameter
from ..core.files import written_aside
from .session import Session

PLAIN, STARTTLS, TLS = "plain", "starttls", "tls"  # how the connection is protected
TIMEOUT = 10.0  # seconds for each answer of the server
BETWEEN = 600.0  # seconds between two mails, at least


@dataclass(frozen=True)
class Server:
    """Where mails go to. security: PLAIN, STARTTLS or TLS.  user: empty for none.  password_from: the name of an environment
    variable, or of a file that only its owner can read."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: str = STARTTLS
    user: str = ""
    password_from: str = ""

    def password(self) -> str:
        """The password. Raises InputError where there is none."""
        name = self.password_from
        if name in os.environ:
            return os.environ[name]
        try:
            mode = os.stat(name).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InputError(f"{parameter('password_from')}: others can read '{name}'; run chmod 600 on it")
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InputError(
                f"{parameter('password_from')}: '{name}' is neither an environment variable nor a file that can be read; "
                "name one that holds the password"
            ) from error

    def send(self, message: bytes) -> None:
        """Hand one message over. Raises OSError or smtplib.SMTPException where the server does not take it."""
        context = ssl.create_default_context()
        if self.security == TLS:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=context)
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        with connection:
            if self.security == STARTTLS:
                connection.starttls(context=context)
            if self.user:
                connection.login(self.user, self.password())
            connection.sendmail(self.sender, self.recipients, message)


def letter(session: Session, held: Mapping[str, str], title: str, now: float) -> tuple[str, str] | None:
    """Subject and text of the mail that is due; None if nothing changed, or if the last mail is too recent.

    held: the conditions that hold now. The session remembers those that were written about.
    """
    begun = [text for key, text in held.items() if key not in session.conditions]
    ended = [text for key, (text, _) in session.conditions.items() if key not in held]
    if not (begun or ended) or 0 <= now - session.mailed_at < BETWEEN:
        return None
    session.conditions = {key: session.conditions.get(key, (text, now)) for key, text in held.items()}
    session.mailed_at = now
    lines = [*(f"New: {text}" for text in begun), *(f"No longer: {text}" for text in ended)]
    what = begun[0] if begun else f"no longer: {ended[0]}"
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return one_line(f"{title}: {what}{more}"), "\n".join(map(one_line, lines)) + "\n"


def one_line(text: str) -> str:
    """Without line breaks, which would begin another header of a mail."""
    return " ".join(text.split())[:300]


class Outbox:
    """Mails that no server has taken yet, a file each, in a folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def waiting(self) -> list[Path]:
        """The mails, oldest first."""
        return sorted(self.folder.glob("[!.]*.eml"))

    def put(self, server: Server, subject: str, text: str) -> None:
        """Keep a mail until it is sent."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = server.sender, ", ".join(server.recipients), one_line(subject)
        message["Date"] = formatdate(localtime=True)
        message.set_content(text)
        with written_aside(self.folder / f"{time.time_ns()}.eml") as aside:
            aside.write_bytes(bytes(message))

    def deliver(self, server: Server) -> str:
        """Send what waits; why that failed, in one line, or empty. What was taken is removed."""
        for path in self.waiting:
            try:
                server.send(path.read_bytes())
            except (OSError, smtplib.SMTPException, InputError) as error:
                return one_line(str(error)) or type(error).__name__
            path.unlink()
        return ""
