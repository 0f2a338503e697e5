"""Tell people by mail, through a server that takes mail (SMTP, RFC 5321)."""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import ClassVar, Literal

from akeso.domain.errors import ActionFailed, InvalidInput, RequestRefused, Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import given, message_of, severity_of

Security = Literal["starttls", "tls", "none"]
_FOR_GOOD = 500  # from here on trying again is of no use (RFC 5321, 4.2.1); below it a server asks for just that
_PORTS: Mapping[str, int] = {"starttls": 587, "tls": 465, "none": 25}


class Email:
    """A mail for each notice. Those of one incident form a thread, and what is told twice carries the same Message-ID.

    host: the server; port: 0 for the usual one. security: `starttls`, `tls`, or `none` for a server on this machine.
    user, password: where it wants them. sender, to: addresses. from_severity: of incidents that are told at all.
    console: where readers reach Akeso's page. call_s: seconds for an answer.
    """

    name = "email"
    example_options: ClassVar[Mapping[str, object]] = {
        "host": "127.0.0.1",
        "port": 9025,
        "security": "none",
        "sender": "akeso@example.org",
        "to": ["oncall@example.org"],
    }

    def __init__(  # noqa: PLR0913, PLR0917 - each is an option of the settings
        self,
        host: str,
        sender: str,
        to: Sequence[str],
        port: int = 0,
        security: Security = "starttls",
        user: str = "",
        password: str = "",
        from_severity: str = "info",
        console: str = "",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        if security not in _PORTS:
            raise InvalidInput("security", f"{security} is none of {', '.join(_PORTS)}")
        self._to = [to] if isinstance(to, str) else list(to)
        for address in (sender, *self._to, *([] if self._to else [""])):
            if "@" not in address or any(mark in address for mark in "\r\n,"):
                raise InvalidInput("sender" if address == sender else "to", f"an address is wanted, not {address!r}")
        self._host, self._port, self._security = given("host", host), port or _PORTS[security], security
        self._sender, self._login, self._call_s = sender, (user, password), call_s
        self._console, self._least = console, severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            await asyncio.to_thread(self._send, self._mail(incident, entry))

    def _mail(self, incident: Incident, entry: Entry) -> EmailMessage:
        told = message_of(incident, entry, self._console)
        domain = self._sender.rpartition("@")[2]
        mail = EmailMessage()
        # A title comes from telemetry, and a line break in it would begin another header.
        mail["Subject"] = " ".join(f"[{incident.severity.name.lower()}] {told.line}".split())
        mail["From"], mail["To"], mail["Date"] = self._sender, ", ".join(self._to), format_datetime(entry.at)
        mail["Message-ID"] = f"<{entry.incident}-{entry.sequence}@{domain}>"
        mail["References"] = f"<{entry.incident}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        lines = [told.line, "", *(f"{name}: {value}" for name, value in told.facts), "", told.link]
        mail.set_content("\n".join(lines).rstrip() + "\n")
        return mail

    def _send(self, mail: EmailMessage) -> None:
        place = f"mail by {self._host}:{self._port}"
        try:
            server = self._connected()
            try:
                if self._security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self._login[0]:
                    server.login(*self._login)
                server.send_message(mail)
            finally:
                _leave(server)
        except (ConnectionRefusedError, smtplib.SMTPConnectError, smtplib.SMTPNotSupportedError) as bad:
            raise ActionFailed(f"{place}: cannot be reached ({bad})") from bad
        except (OSError, smtplib.SMTPException) as bad:
            code = _answered(bad)
            said = f"{place}: {code or type(bad).__name__}"
            raise (RequestRefused(f"{said}, refused") if code >= _FOR_GOOD else Unavailable(said)) from bad

    def _connected(self) -> smtplib.SMTP:
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._call_s, context=ssl.create_default_context())
        return smtplib.SMTP(self._host, self._port, timeout=self._call_s)


def _leave(server: smtplib.SMTP) -> None:
    # However the conversation ends, a mail that was taken was taken.
    with suppress(smtplib.SMTPException, OSError):
        server.quit()


def _answered(bad: Exception) -> int:
    """The code that the server answered, 0 without one. Its words are left out: they may repeat what was tried."""
    match bad:
        case smtplib.SMTPResponseException():
            return bad.smtp_code
        case smtplib.SMTPRecipientsRefused():
            # As long as one may be taken later, it is worth another try.
            return min((code for code, _ in bad.recipients.values()), default=0)
    return 0
