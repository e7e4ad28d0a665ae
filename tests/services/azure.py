"""azure.py PORT DIR: on the Azurite at PORT, makes the container `one`, and writes what opens it into DIR.

DIR/key: the account's key, which is the same in every Azurite. DIR/sas: a token for an hour. DIR/sas-over: one that is over.
"""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.parse
import urllib.request

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def sas(seconds):
    """An account's token for everything about blobs, for so long from now."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    version, services, kinds, rights = "2021-06-08", "b", "sco", "rwdlac"
    signed = "\n".join([ACCOUNT, rights, services, kinds, "", until, "", "https,http", version, "", ""])
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    fields = {"sv": version, "ss": services, "srt": kinds, "sp": rights, "se": until, "spr": "https,http"}
    return urllib.parse.urlencode({**fields, "sig": base64.b64encode(digest).decode()})


port, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
for name, text in [("key", KEY), ("sas", sas(3600)), ("sas-over", sas(-3600))]:
    with open(os.path.join(folder, name), "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(text)
address = f"http://127.0.0.1:{port}/{ACCOUNT}/one?restype=container&{sas(60)}"
urllib.request.urlopen(urllib.request.Request(address, method="PUT", headers={"x-ms-version": "2021-06-08"}), timeout=10)
