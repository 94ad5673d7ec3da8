"""What all examples share: the frames of detour/1 on a TCP connection. The rules are in src/wire/PROTOCOL.md.

Left out: "Heartbeats" (PING is answered, never sent, so nobody notices a frozen peer); of "Limits", too_slow.
"""
import re

MAX_BODY = 1048576  # bytes
NUMBER, NAME, ID = "[1-9][0-9]{0,14}", "[a-z][a-z0-9_-]{0,31}", "[A-Za-z0-9._:-]{1,64}"
VERBS = """READY HELLO SEND RECEIVED STORED REFUSED RECEIVE MESSAGE ACK EMPTY STATUS MAILBOX END
           PING PONG BYE ERROR""".split()


class Fault(Exception):
    """This connection cannot go on. The two arguments are what ERROR says: a code and a sentence."""

    def __str__(self):
        return ": ".join(self.args)


def require(condition, code, sentence):
    """Ends the conversation with a Fault if the condition does not hold."""
    if not condition:
        raise Fault(code, sentence)


def value(fields, key, form):
    """Returns the value of a key that must be there and have this form."""
    require(re.fullmatch(form, fields.get(key, "")), "bad_value", f"{key}= is missing or has a wrong value.")
    return fields[key]


def visible(body):
    """Returns a body as one line of text that does no harm to a terminal."""
    text = (body or b"").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Connection:
    """A TCP connection, read and written frame by frame."""

    def __init__(self, peer):
        self.peer, self.stream = peer, peer.makefile("rb")

    def say(self, line, body=None):
        """Sends a frame. The size of the body, if there is one, is added to the line."""
        rest = b"\n" if body is None else b" size=%d\n%b\n" % (len(body), body)
        self.peer.sendall(line.encode() + rest)

    def read(self):
        """Returns the next frame: verb, fields, body (None without size=). At the end the verb is FIN."""
        line = self.stream.readline(1024)
        if len(line) < 1024 and not line.endswith(b"\n"):
            return "FIN", {}, None  # the peer has closed; half a frame has no effect
        good = re.fullmatch(rb"[A-Z]+( [a-z]+=[!-~]+)*\r?\n", line)
        require(good, "malformed", "not VERB key=value ... on a line of at most 1024 bytes.")
        verb, *pairs = line.decode().split()
        fields = dict(pair.split("=", 1) for pair in pairs)
        require(len(fields) == len(pairs), "malformed", "a key appears twice.")
        require(re.fullmatch("0|" + NUMBER, fields.get("size", "0")), "malformed", "size= is not a number.")
        require(verb in VERBS, "unknown_verb", f"{verb} is not a verb of detour/1.")
        if "size" not in fields:
            return verb, fields, None
        size, most = int(fields["size"]), MAX_BODY * (16 if verb == "SEND" else 1)  # a SEND can be refused
        require(size <= most, "too_large", f"a body of {size} bytes is too large.")
        body, end = self.stream.read(size), self.stream.readline(2)
        if end in (b"", b"\r"):
            return "FIN", {}, None
        require(end in (b"\n", b"\r\n"), "malformed", "no newline after the body: size= may be wrong.")
        return verb, fields, body
