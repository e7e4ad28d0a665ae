"""mail_sink.py PORT MAILDIR CERTIFICATE KEY: takes mail and lays it into a Maildir; sends nothing on.

STARTTLS is offered, and AUTH (anna / secret) only after it and then required. The recipient decides what goes
wrong: bounce@… is refused for good, busy@… for the moment, slow@… is answered after a minute.
The envelope is kept in the headers X-Envelope-From and X-Envelope-To.
"""

import asyncio
import email
import mailbox
import signal
import ssl
import sys

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import AuthResult, LoginPassword


class Sink:
    def __init__(self, folder):
        self.mailbox = mailbox.Maildir(folder)

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "bounce":
            return "550 5.1.1 no such person here"
        if name == "busy":
            return "451 4.3.0 try again later"
        if name == "slow":
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 good"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content)
        message["X-Envelope-From"] = envelope.mail_from or ""
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        self.mailbox.add(message)
        return "250 2.0.0 kept"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"anna", b"secret")
    return AuthResult(success=known, handled=False)


def main(port, folder, certificate, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = UnthreadedController(
        Sink(folder),
        hostname="127.0.0.1",
        port=int(port),
        loop=loop,
        tls_context=tls,
        authenticator=authenticate,
        auth_require_tls=True,
        auth_required=True,
    )
    server.begin()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, loop.stop)
    loop.run_forever()


main(*sys.argv[1:])
