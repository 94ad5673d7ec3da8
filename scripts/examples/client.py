"""What sender.py and collector.py share: the client's side of detour/1, up to READY and HELLO, and its end.

Left out of src/wire/PROTOCOL.md: "Repeats" (there is one connection, without session= and try=, and no second).
"""
import contextlib, re, socket, sys, threading

from frames import NAME, NUMBER, Connection, Fault, require, value, visible


class Server(Connection):
    """The server that this client has connected to. It has a deadline, unless that is cancelled."""
    late = False

    def __init__(self, peer, seconds):
        super().__init__(peer)
        self.deadline = threading.Timer(seconds, self.give_up)
        self.deadline.daemon = True
        self.deadline.start()

    def give_up(self):
        """Closes both directions, so that every thread that waits to read or write stops waiting."""
        self.late = True
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)

    def receive(self):
        """Returns the next frame that matters. Answers PING. Raises ConnectionError if no more will come."""
        while True:
            verb, fields, body = self.read()
            if verb == "PING":
                self.say("PONG")
            elif verb == "ERROR":
                raise ConnectionError(f"it said ERROR code={fields.get('code')}: {visible(body)}")
            elif verb == "FIN":
                raise ConnectionError("it was too late" if self.late else "the other side has closed (FIN)")
            elif verb != "PONG":
                return verb, fields, body

    def greet(self, role, me):
        """Waits for READY, then says HELLO. Returns the fields of READY. role: receiver or relay."""
        verb, fields, _ = self.receive()
        require(verb == "READY", "malformed", f"{verb} came before READY.")
        require(value(fields, "version", NUMBER) == "1", "version", "it speaks a newer detour.")
        require(value(fields, "role", "receiver|relay") == role, "wrong_verb", f"it is not a {role}.")
        require(role == "receiver" or value(fields, "as", NAME) != me, "wrong_name", "that is the relay's name.")
        self.say(f"HELLO version=1 as={me}")
        return fields

    def leave(self):
        """Says BYE. Returns whether BYE came back: if so, every ACK before it has taken effect."""
        try:
            self.peer.settimeout(2)
            self.say("BYE")
            while self.receive()[0] != "BYE":
                pass  # mail that crossed our BYE: it will come again, because nobody acknowledges it
            return True
        except (OSError, Fault):
            return False


def connect(place, me, seconds):
    """Connects to HOST:PORT, or fails with OSError. Ends the program if the place or the name is not valid."""
    host, _, port = place.rpartition(":")
    if not re.fullmatch(NAME, me):
        sys.exit(f"{me} is not a name: a small letter, then up to 31 small letters, digits, _ or -.")
    if host == "" or not re.fullmatch("[1-9][0-9]{0,4}", port) or int(port) > 65535:
        sys.exit(f"{place} is not HOST:PORT.")
    peer = socket.create_connection((host.strip("[]"), int(port)), seconds)
    peer.settimeout(None)
    return Server(peer, seconds)
