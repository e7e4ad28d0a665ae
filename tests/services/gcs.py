"""A small server that speaks Google Cloud Storage's XML API, as far as one client uses it: gcs.py PORT KEY [CERT CERTKEY]

Objects live in memory, in the buckets `one` and `two`. Every request bears a token that the service account's key (PEM)
signed; the key with the id `gone` was taken away. A write may demand that no object has the name
(x-goog-if-generation-match: 0). Lists come in pages of ten, so that a client that stops after the first is found out.
"""

import base64
import email.utils
import json
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

PAGE = 10
buckets = {"one": {}, "two": {}}
lock = threading.Lock()
generation = iter(range(int(time.time() * 1e6), sys.maxsize))


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def allowed(key, authorization):
    """Whether it is a token of the service account that counts now."""
    try:
        head, claims, signature = authorization.removeprefix("Bearer ").split(".")
        signed = f"{head}.{claims}".encode()
        key.verify(part(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        head, claims = json.loads(part(head)), json.loads(part(claims))
    except (ValueError, InvalidSignature):
        return False
    return head["alg"] == "RS256" and head["kid"] != "gone" and claims["iat"] - 60 <= time.time() < claims["exp"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message):
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.answer(status, body.encode(), [("Content-Type", "application/xml; charset=UTF-8")])

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not allowed(self.server.key, self.headers.get("Authorization", "")):
            return self.refuse(401, "AuthenticationRequired", "Authentication required.")
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        bucket, _, name = urllib.parse.unquote(address.path).lstrip("/").partition("/")
        with lock:
            objects = buckets.get(bucket)
            if objects is None:
                return self.refuse(404, "NoSuchBucket", "The specified bucket does not exist.")
            if not name:
                return self.list(bucket, objects, query)
            if self.command == "PUT":
                return self.put(objects, name, body)
            if name not in objects:
                return self.refuse(404, "NoSuchKey", "The specified key does not exist.")
            if self.command == "DELETE":
                del objects[name]
                return self.answer(204)
            return self.get(*objects[name])

    do_GET = do_HEAD = do_PUT = do_DELETE = serve

    def put(self, objects, name, body):
        wanted = self.headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != objects.get(name, (b"", 0, 0))[1]:
            message = "At least one of the pre-conditions you specified did not hold."
            return self.refuse(412, "PreconditionFailed", message)
        number = next(generation)
        objects[name] = (body, number, time.time())
        return self.answer(200, headers=[("ETag", f'"{number:x}"'), ("x-goog-generation", str(number))])

    def get(self, body, number, written):
        headers = [
            ("ETag", f'"{number:x}"'),
            ("x-goog-generation", str(number)),
            ("Last-Modified", email.utils.formatdate(written, usegmt=True)),
        ]
        span = self.headers.get("Range")
        if span is None:
            return self.answer(200, body, [*headers, ("Content-Length", str(len(body)))])
        first, _, last = span.removeprefix("bytes=").partition("-")
        first, last = int(first), min(int(last or len(body)), len(body) - 1)
        if first > last:
            return self.refuse(416, "InvalidRange", "The requested range cannot be satisfied.")
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        return self.answer(206, body[first : last + 1], headers)

    def list(self, bucket, objects, query):
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        names = sorted(n for n in objects if n.startswith(prefix) and n > after)
        page, more = names[:PAGE], len(names) > PAGE
        rows = "".join(
            f"<Contents><Key>{escape(n)}</Key><Generation>{objects[n][1]}</Generation><LastModified>"
            f"{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(objects[n][2]))}</LastModified>"
            f"<ETag>\"{objects[n][1]:x}\"</ETag><Size>{len(objects[n][0])}</Size></Contents>"
            for n in page
        )
        rows += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult><Name>{bucket}</Name>"
            f"<Prefix>{escape(prefix)}</Prefix><IsTruncated>{str(more).lower()}</IsTruncated>{rows}</ListBucketResult>"
        )
        self.answer(200, body.encode(), [("Content-Type", "application/xml; charset=UTF-8")])


class Server(ThreadingHTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    with open(sys.argv[2], "rb") as file:
        server.key = serialization.load_pem_private_key(file.read(), None).public_key()
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        # The handshake is made by the thread that serves the connection, not by the one that accepts.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
