"""A correct relay with a journal of JSON lines, and with BUG=… one that is not. One lock guards everything."""
import base64, hashlib, json, os, secrets, sys, threading, time

from detour1 import BUG, ID, MAX, ME, NAME, NUMBER, Fault, Server, listen, value

FOLDER = os.environ["DETOUR_JOURNAL"]
PATH = os.path.join(FOLDER, "journal.jsonl")
lock = threading.RLock()
mail, last, known, seen, sessions, present, collectors = {}, {}, {}, set(), {}, set(), {}
STORE = secrets.token_hex(8)
ME = "relay" if BUG == "own-name" else ME


class Mail:
    def __init__(self, entry):
        self.seq, self.id, self.sender, self.to = entry["seq"], entry["id"], entry["from"], entry["to"]
        self.body, self.at, self.ttl = base64.b64decode(entry["body"]), entry["at"], entry.get("ttl")
        self.notify, self.more, self.attempts = entry.get("notify"), entry.get("more", ""), 0


def apply(entry):
    kind = entry["kind"]
    if kind == "store":
        global STORE
        STORE = entry["name"]
    elif kind == "mail":
        one = Mail(entry)
        mail.setdefault(one.to, []).append(one)
        last[one.to] = max(last.get(one.to, 0), one.seq)
        if not one.more and BUG != "dedup-in-memory":
            known[one.sender, one.id] = (one.to, hashlib.sha256(one.body).digest(), one.seq)
    elif kind == "gone":
        mail[entry["to"]] = [one for one in mail.get(entry["to"], []) if one.seq not in entry["seqs"]]
    elif kind == "tried":
        for one in mail.get(entry["to"], []):
            if one.seq in entry["seqs"]:
                one.attempts += 1


def load():
    global log
    if os.path.exists(PATH):
        with open(PATH, "rb") as file:
            data = file.read()
        whole = data.rpartition(b"\n")[0] + b"\n" if b"\n" in data else b""
        for line in whole.splitlines():
            apply(json.loads(line))
        if len(whole) < len(data):
            os.truncate(PATH, len(whole))
        if BUG == "order-lost":
            for box in mail.values():
                box.sort(key=lambda one: one.body)
        if BUG == "numbers-again":
            last.clear()
    log = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if not os.path.exists(PATH) or os.path.getsize(PATH) == 0:
        write([{"kind": "store", "name": STORE}])
    if BUG == "new-store":
        globals()["STORE"] = secrets.token_hex(8)


buffered = []


def write(entries, sync=True):
    data = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    if BUG == "memory-only" and entries[0]["kind"] != "store":
        return
    if BUG == "writes-later" and entries[0]["kind"] != "store":
        buffered.append(data)
        if len(buffered) >= 5:
            os.write(log, b"".join(buffered))
            buffered.clear()
        return
    while data:
        data = data[os.write(log, data):]
    if sync and BUG not in ("no-sync", "syncs-later"):
        os.fdatasync(log)


def record(*entries):
    write(entries)
    for entry in entries:
        apply(entry)


def new(to, sender, id, body, **more):
    return {"kind": "mail", "seq": last.get(to, 0) + 1, "id": id, "from": sender, "to": to, "at": time.time(),
            "body": base64.b64encode(body).decode(), **more}


def ended(one, how, text):
    """A message is gone: the entries for that, its notice included."""
    entries = [{"kind": "gone", "to": one.to, "seqs": [one.seq]}]
    if one.notify and BUG != "no-notices":
        entries.append(new(one.notify, ME, one.id, text.encode(), more=how))
    return entries


def expire():
    for box in list(mail.values()):
        for one in list(box):
            flying = any(one.seq in peer.flying for peer in collectors.values() if peer.name == one.to)
            if one.ttl and time.time() > one.at + one.ttl and not flying and BUG != "no-ttl":
                tried = "yes" if one.attempts else "no"
                record(*ended(one, f" kind=bounce tried={tried}", f"{one.id} expired"))
                deliver(one.notify)


def clock():
    while True:
        time.sleep(0.05)
        with lock:
            expire()


class Client(Server):
    window, limit, drain, session, ttl = 0, None, None, "", None
    trying = 1

    def __init__(self, peer):
        super().__init__(peer)
        self.flying, self.outbox, self.wake, self.closing = [], [], threading.Condition(), False
        threading.Thread(target=self.drainer, daemon=True).start()

    def say(self, line, body=None):
        if BUG == "blocks":
            return super().say(line, body)
        with self.wake:
            self.outbox.append((line, body))
            self.wake.notify()

    def drainer(self):
        while True:
            with self.wake:
                while not self.outbox and not self.closing:
                    self.wake.wait()
                if not self.outbox:
                    return
                frames, self.outbox = self.outbox, []
            try:
                for line, body in frames:
                    super().say(line, body)
            except OSError:
                pass

    def flush(self):
        with self.wake:
            self.closing = True
            self.wake.notify()
        for _ in range(3000):
            with self.wake:
                if not self.outbox:
                    break
            time.sleep(0.001)
        time.sleep(0.005)

    def end(self):
        self.flush()
        super().end()

    def greeting(self):
        return f"READY version=1 role=relay as={ME} max={MAX} window=256 store={STORE}"

    def before_hello(self, verb):
        return verb == "STATUS"

    def left(self):
        with lock:
            if collectors.get(self.name) is self:
                del collectors[self.name]
            self.window = 0

    def serve(self, verb, fields, body):
        with lock:
            if verb == "SEND":
                self.keep(fields, body)
            elif verb == "RECEIVE":
                self.receive(fields)
            elif verb == "ACK":
                self.ack(int(value(fields, "seq", NUMBER)))
            elif verb == "STATUS":
                self.status()
            else:
                raise Fault("wrong_verb", f"{verb} is not for a relay.")

    def refuse(self, id, code):
        self.say(f"REFUSED id={id} code={code}", code.encode())

    def keep(self, fields, body):
        id = value(fields, "id", ID)
        if body is None or ("to" not in fields):
            return self.refuse(id, "bad_value")
        if isinstance(body, int):
            return self.refuse(id, "too_large")
        to = value(fields, "to", NAME)
        before = known.get((self.name if BUG != "ids-of-all" else "x", id))
        if before and BUG != "no-dedup":
            if before[:2] != (to, hashlib.sha256(body).digest()) and BUG != "any-repeat":
                return self.refuse(id, "id_reused")
            return self.say(f"STORED id={id} seq={before[2]} present={self.here(to)} dup=yes")
        if BUG == "known-late":
            lock.release()
            time.sleep(0.02)
            lock.acquire()
        if to == ME and BUG != "own-mail":
            return self.refuse(id, "wrong_name")
        entry = new(to, self.name, id, body)
        if "ttl" in fields:
            entry["ttl"] = int(fields["ttl"])
        if "notify" in fields:
            entry["notify"] = fields["notify"]
        answer = f"STORED id={id} seq={entry['seq']} present={self.here(to)}"
        if BUG == "stored-first":
            self.say(answer)
            time.sleep(0.003)
        record(entry)
        known[self.name if BUG != "ids-of-all" else "x", id] = (to, hashlib.sha256(body).digest(), entry["seq"])
        if BUG != "stored-first":
            self.say(answer)
        if BUG == "syncs-later":
            threading.Timer(0.01, os.fdatasync, [log]).start()
        deliver(to)

    def here(self, name):
        return "yes" if name in collectors else "no" if name in present or BUG == "present-no" else "never"

    def receive(self, fields):
        other = collectors.get(self.name)
        if other is not None and other is not self:
            other.window = 0
            if BUG != "replaced-silently":
                other.say("BYE code=replaced")
            other.closing = True
        present.add(self.name)
        self.window, self.limit = int(value(fields, "window", NUMBER)), None
        if "limit" in fields and BUG != "no-limit":
            self.limit = int(fields["limit"])
        if BUG == "no-window":
            self.window = 4096
        self.drain = last.get(self.name, 0) if fields.get("drain") == "yes" else None
        collectors[self.name] = self
        deliver(self.name)

    def ack(self, seq):
        box = mail.get(self.name, [])
        if seq > max([self.top, *self.flying]) and BUG != "any-ack":
            raise Fault("bad_ack", "not sent here.")
        gone = [one for one in box if (one.seq == seq if BUG == "ack-one" else one.seq <= seq)]
        entries = []
        for one in gone:
            entries += ended(one, " kind=receipt", f"{self.name} acknowledged {one.id}")
        if entries and BUG != "acks-in-memory":
            record(*entries)
        elif entries:
            for entry in entries:
                apply(entry)
        self.top = max(self.top, seq)
        self.flying = [one for one in self.flying if one > seq]
        for one in gone:
            deliver(one.notify)
        deliver(self.name)

    top = 0

    def status(self):
        for name in sorted(mail):
            box = mail[name]
            if box:
                size = sum(len(one.body) for one in box)
                here = "yes" if name in collectors else "no"
                self.say(f"MAILBOX name={name} held={len(box)} bytes={size} oldest={int(box[0].at * 1000)} connected={here}")
        if BUG != "no-end":
            self.say("END")


def deliver(name):
    peer = collectors.get(name) if name else None
    if peer is None:
        return
    box = mail.get(name, [])
    if BUG == "newest-first":
        box = box[::-1]
    fresh = [one for one in box if one.seq not in peer.flying and (one.seq > max([peer.top, *peer.flying]) or BUG == "newest-first")]
    room = peer.window - len(peer.flying)
    if peer.limit is not None:
        room = min(room, peer.limit)
    fresh = fresh[:max(0, room)]
    if fresh:
        if BUG != "attempts-in-memory":
            record({"kind": "tried", "to": name, "seqs": [one.seq for one in fresh]})
        else:
            apply({"kind": "tried", "to": name, "seqs": [one.seq for one in fresh]})
        if peer.limit is not None:
            peer.limit -= len(fresh)
        for one in fresh:
            peer.flying.append(one.seq)
            attempt = 1 if BUG == "always-attempt-1" else one.attempts
            held = int((time.time() - one.at) * 1000)
            peer.say(f"MESSAGE seq={one.seq} id={one.id} from={one.sender} at={int(one.at * 1000)} held={max(0, held)} attempt={attempt}{one.more}", one.body)
    if peer.drain is not None and not any(one.seq <= peer.drain for one in mail.get(name, [])) and BUG != "no-empty":
        peer.drain = None
        peer.say("EMPTY")


load()
threading.Thread(target=clock, daemon=True).start()
listen(Client)
