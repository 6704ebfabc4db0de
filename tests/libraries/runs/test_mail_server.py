"""Mails through a real server on this machine: nothing is lost while it is down, and nobody else can read the password."""

import os
import socket
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from mail_server import Kept, free_port

from tomo_particles.core.errors import InputError
from tomo_particles.runs.mails import PLAIN, Outbox, Server

ADDRESSES = ("session@example.org", ("one@example.org", "two@example.org"))


def started(kept: Kept, port: int, **options) -> Controller:
    controller = Controller(kept, hostname="127.0.0.1", port=port, **options)
    controller.start()
    return controller


def test_a_mail_waits_for_the_server_and_arrives_once(tmp_path):
    kept, port = Kept(), free_port()
    server, outbox = Server("127.0.0.1", port, *ADDRESSES, PLAIN), Outbox(tmp_path / "outbox")
    outbox.put(server, "Session: no tomogram\r\nBcc: all@example.org", "New: é\n")
    assert "refused" in outbox.deliver(server) and len(outbox.waiting) == 1
    running = started(kept, port)
    try:
        assert outbox.deliver(server) == "" and outbox.waiting == []
        assert outbox.deliver(server) == ""
    finally:
        running.stop()
    ((recipients, text),) = kept.mails
    assert recipients == list(ADDRESSES[1])
    assert "Subject: Session: no tomogram Bcc: all@example.org" in text.replace("\r\n ", " ") and "\nBcc" not in text


def test_the_password_comes_from_a_variable_or_a_private_file(tmp_path, monkeypatch):
    seen = []

    def check(server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)

    kept, port = Kept(), free_port()
    running = started(kept, port, authenticator=check, auth_require_tls=False)
    private = tmp_path / "password"
    private.write_text("secret\n")
    private.chmod(0o600)
    outbox = Outbox(tmp_path / "outbox")
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    try:
        for source in ("MAIL_PASSWORD", str(private)):
            server = Server("127.0.0.1", port, *ADDRESSES, PLAIN, "me", source)
            outbox.put(server, "Session", "New: one\n")
            assert outbox.deliver(server) == ""
        assert seen == [(b"me", b"secret")] * 2 and len(kept.mails) == 2
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        outbox.put(server, "Session", "New: two\n")
        refused = outbox.deliver(Server("127.0.0.1", port, *ADDRESSES, PLAIN, "me", "MAIL_PASSWORD"))
        assert "535" in refused and "wrong" not in refused and len(outbox.waiting) == 1
    finally:
        running.stop()
    assert not [path for path in (tmp_path / "outbox").iterdir() if b"secret" in path.read_bytes()]
    private.chmod(0o644)
    with pytest.raises(InputError, match="others can read"):
        server.password()
    with pytest.raises(InputError, match="neither an environment variable nor a file"):
        Server("127.0.0.1", port, *ADDRESSES, PLAIN, "me", str(tmp_path / "none")).password()


def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("tomo_particles.runs.mails.TIMEOUT", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        server, outbox = Server("127.0.0.1", mute.getsockname()[1], *ADDRESSES, PLAIN), Outbox(tmp_path)
        outbox.put(server, "Session", "New: one\n")
        begun = time.monotonic()
        assert "timed out" in outbox.deliver(server)
        assert time.monotonic() - begun < 3 and len(outbox.waiting) == 1
    assert os.listdir(tmp_path) == [outbox.waiting[0].name]
