"""What receiver.py and relay.py share: the server's side of detour/1, up to a SEND that can be taken.

Left out of src/wire/PROTOCOL.md: of "Repeats", which connection counts (session= and try= are ignored); of
"Limits", when HELLO must come, and how much may wait for a client that does not read; of "Closing", BYE from a
server that is stopped: Ctrl-C ends it like a kill.
"""
import argparse, contextlib, os, queue, re, signal, socket, sys, threading

from frames import ID, MAX_BODY, NAME, NUMBER, Connection, Fault, require, value

MAX_THREADS = 200  # two for each client: one reads, one writes


class Client(Connection):
    """A client that has connected. Each kind of server has its own subclass, with the fields of its READY."""
    name, more = None, ""

    def __init__(self, peer, me):
        super().__init__(peer)
        self.me, self.outbox = me, queue.Queue()
        self.writer = threading.Thread(target=self.write, daemon=True)

    def take(self, id, to, body):
        """Takes a SEND, and answers it."""

    def other(self, verb, fields):
        """Takes a frame that is neither a SEND nor served by every server."""
        raise Fault("wrong_verb", f"{verb} is not served here, or not at this time.")

    def leave(self):
        """Is called when nothing more is read from this client, before the last frame is sent."""

    def say(self, line, body=None):
        """Sends a frame. Does not wait, so a client that does not read does not hold up the others."""
        self.outbox.put((line, body))

    def end(self, *last):
        """Sends the last frame, if there is one, and FIN."""
        if last:
            self.say(*last)
        self.outbox.put(None)

    def refuse(self, id, code, sentence):
        """Answers a SEND: this message was certainly not taken."""
        self.say(f"REFUSED id={id} code={code}", sentence.encode())

    def write(self):
        """Writes everything that is put into the outbox to the connection."""
        with contextlib.suppress(OSError):
            for frame in iter(self.outbox.get, None):
                super().say(*frame)
            self.peer.shutdown(socket.SHUT_WR)

    def run(self):
        """Serves the client from READY to FIN."""
        self.writer.start()
        try:
            last = self.converse()
        except Fault as fault:
            last = [f"ERROR code={fault.args[0]}", fault.args[1].encode()]
        except OSError:
            last = []  # the connection broke: nobody is left to tell
        self.leave()
        self.end(*last)
        self.writer.join(30)
        with self.peer, self.stream, contextlib.suppress(OSError):
            self.peer.settimeout(2)
            while self.peer.recv(65536):
                pass  # closing with unread bytes would send RST, which can destroy the last frame

    def converse(self):
        """Takes frame after frame. Returns the last one to send: BYE, or none."""
        require(threading.active_count() <= MAX_THREADS, "too_many", "there are too many connections.")
        self.say(f"READY version=1 role={self.role} as={self.me} max={MAX_BODY} window={self.window}{self.more}")
        while True:
            verb, fields, body = self.read()
            if verb in ("BYE", "ERROR", "FIN"):
                return ["BYE"] if verb == "BYE" else []
            if verb == "PING":
                self.say("PONG")
            elif verb == "HELLO" and self.name is None:
                version = value(fields, "version", NUMBER)
                require(version == "1", "version", f"this is detour/1; you asked for detour/{version}.")
                name = value(fields, "as", NAME)
                require(self.role == "receiver" or name != self.me, "wrong_name", f"{name} is the relay.")
                self.name = name
            elif verb != "PONG":
                require(self.name or verb == "STATUS", "no_hello", f"{verb} came before HELLO.")
                self.send(fields, body) if verb == "SEND" else self.other(verb, fields)

    def send(self, fields, body):
        """Refuses what cannot be taken. A receiver takes what is for itself, a relay what is for others."""
        id, to = value(fields, "id", ID), fields.get("to", self.me if self.role == "receiver" else "")
        if body is None or not re.fullmatch(NAME, to):
            self.refuse(id, "bad_value", "SEND needs size=, and to= must be a name.")
        elif len(body) > MAX_BODY:
            self.refuse(id, "too_large", f"a message has at most {MAX_BODY} bytes.")
        elif (to == self.me) != (self.role == "receiver"):
            self.refuse(id, "wrong_name", f"This is {self.me}, and not for {to}.")
        elif "ttl" in fields or "notify" in fields:
            self.refuse(id, "unsupported", "ttl= and notify= are not served here.")
        else:
            self.take(id, to, body)


def arguments(port):
    """The options that both kinds of server share. The environment may give the defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default=os.environ.get("DETOUR_HOST", "127.0.0.1"))
    parser.add_argument("--port", default=os.environ.get("DETOUR_PORT", port), type=int)
    return parser


def listen(make, options, me):
    """Listens, and serves each client in a thread of its own, until Ctrl-C. make: the class of a client."""
    host, port = options.host, options.port
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not re.fullmatch(NAME, me):
        sys.exit(f"{me} is not a name: a small letter, then up to 31 small letters, digits, _ or -.")
    try:
        with socket.create_server((host, port)) as listener:
            print("%s listens on %s:%d" % (me, *listener.getsockname()[:2]), file=sys.stderr, flush=True)
            while True:
                client = make(listener.accept()[0], me)
                threading.Thread(target=client.run, daemon=True).start()
    except (OSError, OverflowError) as error:
        sys.exit(f"{me} cannot listen on {host}:{port}: {error}")
