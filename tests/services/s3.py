"""moto's S3 server, writing one request at a time: s3.py PORT

moto looks whether an object is there and stores it in two steps, and answers each request in a thread of
its own, so that two writers can both create the same name. A real S3 decides that in one step; so does
this one, because requests that change anything wait for each other.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple


class OneWriterAtATime:
    """A WSGI application in front of another."""

    def __init__(self, inner):
        self.inner = inner
        self.writing = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self.inner(environ, start_response)
        with self.writing:
            return list(self.inner(environ, start_response))


if __name__ == "__main__":
    port = int(sys.argv[1])
    os.environ["MOTO_PORT"] = str(port)
    service = OneWriterAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, service, threaded=True, request_handler=MotoRequestHandler)
