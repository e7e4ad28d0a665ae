"""port.py free | port.py wait PORT PID SECONDS: a free loopback port; or wait until PORT answers while PID lives."""

import os
import socket
import sys
import time


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        print(probe.getsockname()[1])


def wait(port, pid, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            sys.exit(f"process {pid} ended before port {port} opened")
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"port {port} did not open in {seconds} s")


if sys.argv[1] == "free":
    free()
else:
    wait(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
