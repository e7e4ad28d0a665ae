#!/usr/bin/env python3
"""Restores a Strongroom backup without Strongroom, from a copy of the bucket (aws s3 sync, rclone) and one key:
recover-without-strongroom.py --repository COPY --identity KEYFILE --list    or, instead of --list,    --to DIR

Needs Python 3.9 and the tools age, zstd, b3sum (Debian: apt install age zstd b3sum); openssl 3 checks signatures.
KEYFILE is a text file with the key; the repository id printed on the recovery sheet stands there in a `#` line or is
given with --id. Each set of documents comes into its own folder in DIR. Nothing is written outside DIR, and nothing
there is overwritten. What is damaged is named and the rest restored; the exit code is 0 only if nothing was wrong.

Written from the page on the stored format alone. Restored are folders, files, links, the nine permission bits and
times; not owners, attributes, devices, fifos and sockets. Checked are the repository id, the chain of the log, the
author and rights of each entry, indexes, chunks and files; not the digests of packs: those of their chunks say enough.
"""
import argparse, base64, concurrent.futures, contextlib, functools, json, os, pathlib, re, shutil
import subprocess, sys, tempfile

KINDS = {"root": "created actor-added actor-revoked keyholder-added keyholder-removed epoch", "tester": "tested quarantined",
         "writer": "stored snapshot proved quarantined",
         "pruner": "stored thinned rewritten condemned swept quarantined disposal-withdrawn relisted disposal-done",
         "approver": "incident-resolved scheme-adopted trigger-dated hold-placed hold-released disposal-approved "
                     "disposal-cancelled disposal-withdrawn loss-accepted", "anyone": "abandoned incident restored"}
FOLDER, FILE, LINK = RAW, HOLE, DECODED = range(3)
checking, problems = True, []

def problem(what, text):
    problems.append(text)
    what = repr(what.decode("utf-8", "backslashreplace")) if isinstance(what, bytes) else what
    print("PROBLEM: %s: %s" % (what, text), file=sys.stderr)

@contextlib.contextmanager
def reporting(what):
    """What goes wrong within is told and not the end."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError) as error:
        problem(what, getattr(error, "strerror", None) or error)

def run(*command, given=b"", cwd=None, salvage=False):
    """What a tool prints; with `salvage` also what it printed before it failed."""
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd)
    if done.returncode and not (salvage and done.stdout):
        raise OSError("%s: %s" % (command[0], done.stderr.decode("utf-8", "replace").split("\n")[0]))
    return done.stdout

def unpacked(path, identities):
    return run("zstd", "-dcq", given=run("age", "-d", "-i", "-", path, given=identities))

def b3sum(*options, files=("-",), given=b"", cwd=None):
    """BLAKE3 of files, many at a time because starting a tool is slow. Zeros with --no-check."""
    if not checking:
        return ["00" * 32] * len(files)
    batches = (files[at:at + 256] for at in range(0, len(files), 256))
    printed = [run("b3sum", "--no-names", *options, "--", *batch, given=given, cwd=cwd) for batch in batches]
    return b"".join(printed).decode().split()

@contextlib.contextmanager
def temporary_files(contents, where=None):
    """A private folder with files 0, 1, 2…"""
    with tempfile.TemporaryDirectory(prefix=".recover-", dir=where) as folder:
        for number, content in enumerate(contents):
            pathlib.Path(folder, str(number)).write_bytes(content)
        yield folder

def signed(key, message, signature):
    """Whether an Ed25519 signature is right."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        with temporary_files([bytes.fromhex("302a300506032b6570032100" + key), message, signature]) as folder:
            return bool(run("openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "0", "-rawin",
                            "-in", "1", "-sigfile", "2", cwd=folder))

def cbor(data):
    """One CBOR item of those the format uses: numbers, byte and text strings, arrays, false, true, null."""
    def item(at):
        major, value, at = data[at] >> 5, data[at] & 31, at + 1
        if major == 7:
            return {20: False, 21: True, 22: None}[value], at
        if value > 23:
            width = 1 << (value - 24)
            value, at = int.from_bytes(data[at:at + width], "big"), at + width
        if major < 2:
            return (-1 - value if major else value), at
        if major < 4:
            text = data[at:at + value]
            return (text.decode() if major == 3 else text), at + value
        array = [None] * value
        for position in range(value):
            array[position], at = item(at)
        return array, at
    return item(0)[0]

def field(array, position):
    return array[position] if position < len(array) else None

def two_lines(path, identities):
    """An object's first line, its JSON and the signature; Nones if it is not that."""
    with contextlib.suppress(OSError, ValueError):
        line, signature, rest = unpacked(path, identities).split(b"\n")
        data = json.loads(line)
        if not rest and isinstance(data, dict):
            return line, data, base64.b64decode(signature, validate=True)
    return None, None, b""

def open_bundle(options, identity):
    """The bundle that the identity opens, and the root key, from entry 0, whose digest was compared before."""
    folder = os.path.join(options.repository, "keys")
    for name in sorted(os.listdir(folder), key=lambda name: [-int(n) for n in re.findall(r"-(\d+)\.age$", name)]):
        line, bundle, signature = two_lines(os.path.join(folder, name), identity)
        if bundle and bundle["repository"] == options.id:
            root = two_lines(options.first, "\n".join(bundle["writing"]).encode())[1]["data"]["root"]
            if options.signed(root, b"strongroom-keys-v1\0" + line, signature):
                return bundle, root
    raise OSError("this identity opens no bundle in keys/ of this repository: is it the right key?")

def read_log(options, root, writing):
    """(JSON, whether its signature is right, digest) of each entry up to the last there is; None for those missing."""
    def read(path):
        line, data, signature = two_lines(path, writing)
        return data, line and options.signed(data.get("actor"), b"strongroom-log-v1\0" + line, signature)
    folder = os.path.dirname(options.first)
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if re.fullmatch(r"\d{10}\.age", name))
    log = [None] * (int(paths[-1][-14:-4]) + 1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for path, digest, entry in zip(paths, b3sum(files=paths), pool.map(read, paths)):
            log[int(path[-14:-4])] = (*entry, digest)
    return log

def valid_entries(log, root, options):
    """The entries that count, in order."""
    roster, revoked, link, valid = {root: KINDS["root"].split()}, {}, "00" * 32, []
    for data in (entry[0] for entry in log if entry and entry[1] and entry[0]["actor"] == root):
        if data["v"] > 1:
            raise OSError("this repository is of a later version (%s) than this script" % data["v"])
        if data["kind"] == "actor-revoked":  # from a number on that may lie before this entry
            revoked.setdefault(data["data"]["actor"], []).append((data["data"]["from"], data["n"]))
    for number, entry in enumerate(log):
        if not entry:
            problem("the log is damaged", "entry %d is missing" % number)
            link = None
            continue
        data, right, digest = entry
        actor, kind = (data["actor"], data["kind"]) if right else (None, None)
        void = ("it is no entry, or its signature is wrong" if not right else
                "it belongs elsewhere" if (data.get("v"), data.get("n"), data.get("repository")) !=
                (1, number, options.id if number else None) or (kind == "created") != (number == 0) else
                "its author is not on the roster, or revoked" if actor not in roster or
                number >= min(revoked.get(actor, [(number + 1, 0)]))[0] else
                "its author may not say that" if kind not in roster[actor] else "")
        if void:
            print("entry %d of the log is void: %s" % (number, void), file=sys.stderr)
        elif checking and link not in (None, data["prev"]):
            problem("the log is damaged", "before entry %d stands not what its author saw there" % number)
        link = link if void else data["prev"]
        link = link and b3sum(given=bytes.fromhex(link + digest))[0]
        cuts = revoked.get(actor, []) if void.endswith("revoked") and kind in roster.get(actor, []) else []
        if kind == "relisted" and cuts and number < min(by for _, by in cuts):
            valid.append({**data, "kind": "relisted once"})  # its author was cut off later; old listings may be gone
        if not void:
            valid.append(data)
            said = data["data"] if kind in ("created", "actor-added") else {"actors": []}
            for added in said.get("actors", [said]):
                roster.setdefault(added["key"], " ".join(KINDS.get(r, "") for r in ["anyone", *added["roles"]]).split())
    return valid

def listings_of(valid):
    """The roots of each snapshot's listing, best first: the newest that a disposal wrote, then those before it."""
    steps, roots = {}, {}
    for n, kind, data in ((entry["n"], entry["kind"], entry["data"]) for entry in valid):
        approval, step = (data.get("approval"), steps.get(data.get("approval")))
        if kind == "snapshot":
            roots[n] = [data["root"]]
        elif kind == "disposal-approved":
            steps[n] = "approved"
        elif kind == "disposal-withdrawn" and step == "approved":
            steps[approval] = "withdrawn"
        elif kind == "disposal-cancelled" and step in ("approved", "withdrawn"):
            steps[approval] = "cancelled"
        elif kind in ("relisted", "relisted once"):
            counts = kind == "relisted" and step in ("withdrawn", "relisted")  # one that does not is of use only where all others are gone
            steps.update({approval: "relisted"} if counts else {})
            for new in (new for new in data["roots"] if new["snapshot"] in roots):
                found = roots[new["snapshot"]]
                found.insert(0 if counts else len(found), new["root"])
        elif kind == "disposal-done" and step == "relisted":
            steps[approval] = "done"
    return roots

class Chunks:
    """Where chunks lie, and the reading of them."""

    def __init__(self, options, bundle, valid):
        self.options, self.segments, self.packs = options, {}, {}
        self.reading, writing = ("\n".join(bundle[name]).encode() for name in ("reading", "writing"))
        if not bundle["reading"]:
            raise OSError("this key may not open documents: take the one of the recovery sheet")
        context = ("--derive-key", "strongroom 2026 chunk id v1")
        self.key = bytes.fromhex(b3sum(*context, given=bytes.fromhex(bundle["chunk_key"]))[0])
        self.pack = functools.lru_cache(maxsize=16)(self.read_pack)
        told = [(entry["kind"], entry["data"]) for entry in valid]
        dead = {name for kind, data in told if kind == "swept" for name in data["packs"] + data["indexes"]}
        named = {data["index"]["name"] for kind, data in told if kind == "stored"}
        self.order = {}  # of two packs with a chunk the one stored later comes first: it may be there because the other is bad
        for name in (pack["name"] for kind, data in told if kind == "stored" for pack in data["packs"]):
            self.order.setdefault(name, len(self.order))
        doubtful = {name for kind, data in told if kind == "quarantined" for name in data["indexes"]}  # others say the same
        if problems:  # the log is damaged and may no longer name every index
            named |= {name[:-4] for name in os.listdir(os.path.join(options.repository, "index"))}
        for name in named - dead:
            with contextlib.suppress(OSError, ValueError) if name in doubtful else reporting("index " + name):
                path = os.path.join(options.repository, "index", name + ".age")
                if b3sum(files=[path]) != [name] and checking:
                    raise OSError("its bytes were changed")
                for pack, segments in ((pack[0].hex(), pack[1]) for pack in cbor(unpacked(path, writing))[0]):
                    self.segments[pack] = segments
                    for chunk in (chunk for segment in segments for chunk in segment[3] if pack not in dead):
                        self.packs.setdefault(chunk[0], []).append(pack)

    def read_pack(self, name):
        """The chunks of a pack by id, those that are right."""
        found, path = [], os.path.join(self.options.repository, "packs", name[:2], name + ".age")
        with reporting("pack " + name):
            inside = run("age", "-d", "-i", "-", path, given=self.reading, salvage=True)
            for offset, frame, _, chunks in (segment[:4] for segment in self.segments[name]):
                with reporting("a segment of pack " + name):
                    content, at = run("zstd", "-dcq", given=inside[offset:offset + frame]), 0
                    for chunk, length in (chunk[:2] for chunk in chunks):
                        found.append((chunk, content[at:at + length]))
                        at += length
        with temporary_files([data for _, data in found], self.options.to) as folder:
            right = b3sum("--keyed", files=[str(n) for n in range(len(found))], given=self.key, cwd=folder)
        return {one[0]: one[1] for one, digest in zip(found, right) if one[0].hex() == digest or not checking}

    def has(self, chunk):
        paths = (os.path.join(self.options.repository, "packs", p[:2], p + ".age") for p in self.packs.get(chunk, []))
        return any(map(os.path.exists, paths))

    def get(self, chunk):
        for pack in sorted(self.packs.get(chunk, []), key=lambda name: -self.order.get(name, -1)):
            if chunk in self.pack(pack):
                return self.pack(pack)[chunk]
        raise OSError("chunk %s is missing or damaged" % chunk.hex())

def records_of(chunks, root, gone):
    """(live, gone) entries by path, each with the listing that it is from. The gone only if asked for."""
    def pages(references, which):
        found = {}
        for reference in references:
            with reporting("%d records from %r on" % (reference[2], reference[1])):
                found.update({entry[0]: (entry, (root, which)) for entry in cbor(chunks.get(reference[0]))[0]})
        return found
    said = cbor(chunks.get(root))
    live, dead = pages(said[1], "live"), pages(said[2], "gone") if gone else {}
    for inherited in (field(said, 3) or []) if gone else []:
        for records in records_of(chunks, inherited, True):
            dead = {**records, **dead}
    return live, {path: record for path, record in dead.items() if path not in live}

def place(to, path):
    """Where a record goes, its folders made. No way leads outside: not by a name and not over a link."""
    parts = path.split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
        raise OSError("its path leads elsewhere")
    for part in parts[:-1]:
        to = os.path.join(to, part)
        if not os.path.lexists(to):
            os.mkdir(to, 0o700)
        if os.path.islink(to) or not os.path.isdir(to):
            raise OSError("what should be its folder is something else")
    return os.path.join(to, parts[-1])

def write_file(chunks, at, content):
    """Writes a file that is not there yet; one that lacks something keeps what could be had and is told."""
    known, (variant, (inner,)) = len(problems), field(content, 1) or [0, [[]]]
    with open(os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for kind, fields in (piece for chunk in inner for piece in cbor(chunks.get(chunk))) if variant else inner:
            start, length = file.tell(), fields[(1, 0, 2)[kind]]
            with reporting(at + b" (%d bytes)" % length):
                data = chunks.get(fields[0]) if kind != HOLE else b""
                if kind == DECODED:
                    (width, crlf), (column, skip, *more) = fields[3][:2], field(fields[3], 2) or (0, 0)
                    text = base64.b64encode(data[skip:] + bytes(byte for byte in more[:2] if byte is not None))
                    lines = (text[max(n, 0):n + width] for n in range(-column, len(text), width))
                    data = b"".join(line + (b"\r\n" if crlf else b"\n") for line in lines)[:length]
                file.write(data)
            file.seek(start + length)
        file.truncate()
        if file.tell() != content[0] or len(problems) > known:
            raise OSError("it lacks pieces (zeros), or has %d bytes instead of %d" % (file.tell(), content[0]))

def restore(chunks, records, to):
    """Puts records into the folder `to`: folders, files, then links, so that nothing is written through a link."""
    def turn(record):  # files in the order of the packs in which they begin, so that few are opened twice
        path, ((_, (kind, fields), *_), _) = record
        variant, (inner,) = (kind == FILE and field(fields[0], 1)) or [0, [[]]]
        chunk = inner and (inner[0] if variant else inner[0][1][0])
        return kind == LINK, chunks.packs.get(chunk or b"", [""])[0], path
    made, summed, first = [], [], {}
    for path, (entry, listing) in sorted(records.items(), key=turn):
        (kind, fields), meta = entry[1:3]
        with reporting(path):
            at = place(to, path)
            if kind > LINK:
                raise OSError("devices, fifos and sockets are not restored")
            group = (listing, field(fields[0], 3)) if kind == FILE else None
            if kind == FOLDER and os.path.isdir(at) and not os.path.islink(at):
                continue
            elif kind == FOLDER:
                os.mkdir(at, 0o700)
            elif kind == LINK:
                os.symlink(fields[0], at)
            elif group[1] is not None and group in first:
                os.link(first[group], at)
            else:
                write_file(chunks, at, fields[0])
                first[group] = at
                summed += [(at, fields[0][2].hex(), path)] if field(fields[0], 2) else []
            made.append((at, meta))
    for (at, digest, path), found in zip(summed, b3sum(files=[one[0] for one in summed])):
        if digest != found and checking:
            problem(path, "its bytes are not those that were stored")
    for at, meta in sorted(made, reverse=True):
        with reporting(at):
            if not os.path.islink(at):
                os.chmod(at, meta[0] & 0o777)
            time = meta[5] * 10**9 + (field(meta, 6) or 0)
            os.utime(at, ns=(time, time), follow_symlinks=False)
    print("restored %d of %d records" % (len(made), len(records)))

def prepare(options):
    """Looks for the tools and compares the repository with its id. Returns the identity."""
    global checking
    identity, checking = pathlib.Path(options.identity).read_text(), not options.no_check
    options.first = os.path.join(options.repository, "log", "0000000000.age")
    for tool in ["age", "zstd"] + ["b3sum"] * checking:
        if not shutil.which(tool):
            raise OSError("install %s. (Without b3sum there is --no-check, which checks NOTHING.)" % tool)
    options.id = options.id or "".join(set(re.findall(r"(?m)^#.*?\b([0-9a-f]{64})\b", identity)))
    if len(options.id) != 64:
        raise OSError("say --id with the repository id that is printed on the recovery sheet")
    if checking and b3sum(files=[options.first]) != [options.id]:
        raise OSError("this is not the repository with the id %s. Believe nothing in it." % options.id)
    openssl = shutil.which("openssl") and re.match(rb"OpenSSL ([3-9]|\d\d)", run("openssl", "version"))
    options.signed = signed if checking and openssl else lambda *_: True
    if options.signed != signed:
        print("WARNING: signatures not checked (that needs openssl 3)." if checking else
              "WARNING: NOTHING IS CHECKED: not whose repository this is and not what comes out.", file=sys.stderr)
    return identity.encode()

def main():
    parser = argparse.ArgumentParser(description="Restores a Strongroom backup without Strongroom.")
    add, what = parser.add_argument, parser.add_mutually_exclusive_group(required=True)
    add("--repository", required=True, metavar="FOLDER", help="a copy of the bucket")
    add("--identity", required=True, metavar="FILE", help="the key, in a text file")
    add("--id", help="the repository id, if no # line of the identity file says it")
    what.add_argument("--to", metavar="DIR", help="restore into this folder")
    what.add_argument("--list", action="store_true", help="show the snapshots")
    add("--set", metavar="NAME", help="this set only")
    add("--snapshot", type=int, metavar="N", help="this snapshot, not the newest of each set")
    add("--gone", action="store_true", help="restore the records deleted before the snapshot, not those it has")
    add("--no-check", action="store_true", help="go on without b3sum: NOTHING is checked")
    options = parser.parse_args()
    bundle, root = open_bundle(options, prepare(options))
    valid = valid_entries(read_log(options, root, "\n".join(bundle["writing"]).encode()), root, options)
    print("repository %s; newest entry of the log: %d, %s" % (options.id, valid[-1]["n"], valid[-1]["time"]))
    snapshots = [e for e in valid if e["kind"] == "snapshot" and options.set in (None, e["data"]["set"])]
    newest = {entry["data"]["set"]: entry["n"] for entry in snapshots}.values()
    thinned = {n for entry in valid if entry["kind"] == "thinned" for n in entry["data"]["snapshots"]} - set(newest)
    wanted = newest if options.snapshot is None else [options.snapshot]
    chosen = [entry for entry in snapshots if options.list or entry["n"] in wanted]
    if not chosen:
        raise OSError("there is no such snapshot; --list shows those there are")
    chunks, listings = None if options.list else Chunks(options, bundle, valid), listings_of(valid)
    for entry in chosen:
        n, data, note = entry["n"], entry["data"], " (given up)" if entry["n"] in thinned else ""
        print("snapshot %d of %s, %s: %d files%s" % (n, data["set"], entry["time"], data["files"], note))
        if chunks:
            with reporting("snapshot %d" % entry["n"]):
                os.makedirs(options.to, exist_ok=True)
                to = place(os.path.realpath(os.fsencode(options.to)), data["set"].encode() + b"/record")[:-7]
                roots = [bytes.fromhex(root) for root in listings[n]]
                root = next((root for root in roots if chunks.has(root)), roots[0])
                restore(chunks, records_of(chunks, root, options.gone)[options.gone], to)

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    except OSError as error:
        sys.exit("STOPPED: %s" % error)
    sys.exit("INCOMPLETE: %d problems, named above." % len(problems) if problems else 0)
