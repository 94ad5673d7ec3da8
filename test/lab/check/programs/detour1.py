"""What the reference programs share: the frames of detour/1, written for the tests of `detour check` alone.

BUG names one planted bug, or nothing. Each bug is one `if`, where the correct line stands beside it.
"""
import os, re, socket, sys, threading, time

BUG = os.environ.get("BUG", "")
HOST, PORT = os.environ.get("DETOUR_HOST", "127.0.0.1"), int(os.environ.get("DETOUR_PORT", "4101"))
ME = os.environ.get("DETOUR_AS", "bob")
MAX = 1048576
NAME, ID, NUMBER = r"[a-z][a-z0-9_-]{0,31}", r"[A-Za-z0-9._:-]{1,64}", r"[1-9][0-9]{0,14}"
VERBS = "READY HELLO SEND RECEIVED STORED REFUSED RECEIVE MESSAGE ACK EMPTY STATUS MAILBOX END PING PONG BYE ERROR".split()


def watchdog():
    """Ends a program that seems to hang. After a freeze it is wrong."""
    last = time.monotonic()
    while True:
        time.sleep(0.05)
        if time.monotonic() - last > 0.5:
            os._exit(70)
        last = time.monotonic()


if BUG == "watchdog":
    threading.Thread(target=watchdog, daemon=True).start()


class Fault(Exception):
    """This connection cannot go on: a code and a sentence."""


class Wire:
    """One connection. Frames are read from a buffer, so that they may come in any pieces."""

    def __init__(self, peer):
        self.peer, self.buffer, self.lock = peer, b"", threading.Lock()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        data = self.peer.recv(65536)
        self.buffer += data
        return data != b""

    def say(self, line, body=None):
        rest = b"\n" if body is None else b" size=%d\n%b\n" % (len(body), body)
        with self.lock:
            self.peer.sendall(line.encode() + rest)

    def line(self):
        while b"\n" not in self.buffer:
            if BUG == "one-read-one-frame" and self.buffer:
                raise Fault("malformed", "no line end.")
            if len(self.buffer) >= 1024 and BUG != "long-lines":
                raise Fault("malformed", "the line is too long.")
            if not self.more():
                return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        if len(line) >= 1024 and BUG != "long-lines":
            raise Fault("malformed", "the line is too long.")
        return line

    def take(self, size):
        while len(self.buffer) < size:
            if not self.more():
                return None
        part, self.buffer = self.buffer[:size], self.buffer[size:]
        return part

    def discard(self, size):
        while size > 0:
            part = self.take(min(size, 65536))
            if part is None:
                return False
            size -= len(part)
        return True

    def read(self):
        """The next frame; with the bug `drops-rest`, what came after it is lost."""
        frame = self.read_frame()
        if BUG == "drops-rest":
            self.buffer = b""
        return frame

    def read_frame(self):
        """The next frame: verb, fields, body. None at the end. A body that is too large is discarded and comes as its size."""
        if BUG == "one-read-one-frame":
            self.buffer = b""
            if not self.more():
                return None
        line = self.line()
        if line is None:
            return None
        if BUG != "no-crlf" and line.endswith(b"\r"):
            line = line[:-1]
        pattern = rb"[A-Z]+( +[a-z]+=[!-~]+)* *" if BUG == "loose-spaces" else rb"[A-Z]+( [a-z]+=[!-~]+)*"
        if not re.fullmatch(pattern, line):
            raise Fault("malformed", "not VERB key=value …")
        verb, *pairs = line.decode().split()
        fields = dict(pair.split("=", 1) for pair in pairs)
        if len(fields) != len(pairs) and BUG != "double-keys":
            raise Fault("malformed", "a key appears twice.")
        if verb not in VERBS:
            raise Fault("wrong_verb" if BUG == "one-code" else "unknown_verb", f"{verb} is not a verb.")
        if BUG == "strict-keys" and set(fields) - set("version role as max window store session try heartbeat id to ttl notify size seq limit drain from at held attempt kind tried code present dup after".split()):
            raise Fault("bad_value", "an unknown key.")
        if "size" not in fields:
            return verb, fields, None
        if not re.fullmatch("0|" + NUMBER, fields["size"]):
            raise Fault("malformed", "size= is not a number.")
        size = int(fields["size"])
        if size > MAX and BUG != "any-size":
            if size > 16 * MAX or verb != "SEND":
                raise Fault("too_large", "the body is too large.")
            if BUG == "large-not-discarded":
                return verb, fields, size
            if not self.discard(size):
                return None
            body = size
        else:
            body = self.take(size)
            if body is None:
                return None
            if BUG == "text-only":
                body = body.decode("utf-8").encode()
            if BUG == "lines":
                body = body.split(b"\n")[0]
        if BUG == "empty-body" and size == 0:
            return verb, fields, b""
        end = self.take(1)
        if end == b"\r" and BUG != "no-crlf":
            end = self.take(1)
        if end is None:
            return None
        if end != b"\n" and BUG != "no-end-check":
            raise Fault("malformed", "no line end after the body.")
        return verb, fields, body


def value(fields, key, form):
    found = fields.get(key, "")
    if not re.fullmatch(form, found):
        raise Fault("bad_value", f"{key}= is missing or wrong.")
    return found


class Server(Wire):
    """A client's connection to a server. `greeting` is READY; `serve` takes what comes after HELLO."""
    name = None

    def greeting(self):
        raise NotImplementedError

    def serve(self, verb, fields, body):
        raise NotImplementedError

    def before_hello(self, verb):
        return False

    def left(self):
        """The connection has ended."""

    def bye(self):
        """Everything before the BYE has been answered."""

    def run(self):
        try:
            if BUG != "no-ready":
                self.say(self.greeting())
            self.converse()
        except Fault as fault:
            self.last(fault)
        except (OSError, UnicodeDecodeError):
            pass
        finally:
            self.left()
            self.end()

    def last(self, fault):
        code, text = fault.args
        if BUG == "no-error":
            return
        try:
            self.say(f"ERROR code={code}", text.encode())
        except OSError:
            pass

    def end(self):
        try:
            if BUG == "reset":
                return self.peer.close()
            self.peer.shutdown(socket.SHUT_WR)
            self.peer.settimeout(2)
            while self.peer.recv(65536):
                pass
        except OSError:
            pass
        self.peer.close()

    def converse(self):
        while True:
            frame = self.read()
            if frame is None:
                return
            verb, fields, body = frame
            if verb == "PING":
                if BUG != "no-pong" or self.name is None:
                    self.say("PONG")
            elif verb == "BYE":
                if BUG != "no-bye":
                    self.bye()
                    self.say("BYE")
                return
            elif verb == "ERROR":
                return
            elif verb == "PONG":
                pass
            elif verb == "HELLO":
                if self.name is not None and BUG != "two-hellos":
                    raise Fault("wrong_verb", "HELLO comes once.")
                if value(fields, "version", NUMBER) != "1" and BUG != "any-version":
                    raise Fault("version", "this is detour/1.")
                self.name = value(fields, "as", NAME) if BUG != "any-name" else fields.get("as", "nobody")
                self.hello(fields)
                if BUG == "answers-hello":
                    self.say(f"WELCOME as={ME}")
            elif self.name is None and BUG != "no-hello-needed" and not self.before_hello(verb):
                raise Fault("no_hello", "HELLO first.")
            else:
                self.serve(verb, fields, body)

    def hello(self, fields):
        """HELLO has come."""


def listen(make):
    """Serves each client in a thread of its own; with the bug `one-at-a-time`, one after the other."""
    listener = socket.socket()
    if BUG != "no-reuse":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, PORT))
    listener.listen(64)
    while True:
        peer, _ = listener.accept()
        client = make(peer)
        if BUG == "one-at-a-time":
            client.run()
        else:
            threading.Thread(target=client.run, daemon=True).start()
