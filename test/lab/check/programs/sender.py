"""A correct synchronous sender, and with BUG=… one that is not."""
import os, secrets, socket, sys, time

from detour1 import BUG, ME, Fault, Wire, value, ID, NAME, NUMBER

TO = os.environ.get("DETOUR_TO", "127.0.0.1:4101").rpartition(":")
EXIT = {"DELIVERED": 0, "NOT DELIVERED": 10, "UNKNOWN": 20}
TIMEOUT = float(os.environ.get("DETOUR_TIMEOUT", "10"))
BEGAN = time.monotonic()


class Receiver(Wire):
    def __init__(self):
        super().__init__(socket.create_connection((TO[0], int(TO[2])), TIMEOUT))
        self.peer.settimeout(None if BUG == "no-deadline" else TIMEOUT)
        if BUG == "sends-before-ready":
            self.say(f"HELLO version=1 as={ME}")
            return
        verb, fields, _ = self.next()
        if verb != "READY":
            raise Fault("malformed", f"{verb} came before READY.")
        if BUG != "any-role" and value(fields, "role", "receiver|relay") != "receiver":
            raise Fault("wrong_verb", "not a receiver.")
        if BUG != "any-version" and value(fields, "version", NUMBER) != "1":
            raise Fault("version", "a higher version.")
        self.say(f"HELLO version=1 as={'alice2' if BUG == 'own-name' else ME}")

    def next(self):
        while True:
            frame = self.read()
            if frame is None:
                if BUG == "half-answer" and self.buffer.startswith(b"RECEIVED"):
                    return "RECEIVED", {"id": self.buffer.rpartition(b"id=")[2].decode()}, None
                raise ConnectionError("FIN")
            if frame[0] == "PING":
                if BUG != "no-pong":
                    self.say("PONG")
            elif frame[0] != "PONG":
                return frame


def send(bob, body):
    id = "same" if BUG == "same-id" else secrets.token_hex(8)
    if BUG == "characters":
        bob.peer.sendall(f"SEND id={id} size={len(body.decode())}\n".encode() + body + b"\n")
    elif BUG == "line-end":
        bob.say(f"SEND id={id}", body + b"\n")
    else:
        bob.say(f"SEND id={id}", body)
    if BUG == "no-answer-needed":
        return "DELIVERED"
    while True:
        verb, fields, _ = bob.next()
        if verb == "BYE":
            return "UNKNOWN" if BUG == "bye-unknown" else "NOT DELIVERED"
        if verb == "ERROR":
            return "NOT DELIVERED" if BUG == "error-not-delivered" else "UNKNOWN"
        if BUG == "late-not-delivered" and time.monotonic() > BEGAN + TIMEOUT:
            return "NOT DELIVERED"
        if fields.get("id") == id or BUG == "any-answer":
            if verb == "RECEIVED" or BUG == "refused-delivered":
                return "DELIVERED"
            return "UNKNOWN" if BUG == "refused-unknown" else "NOT DELIVERED"


def deliver(state, body):
    sent = False
    try:
        if state.get("bob") is None:
            state["bob"] = Receiver()
        sent = True
        if BUG == "once-more":
            try:
                return send(state["bob"], body)
            except ConnectionError:
                state["bob"] = Receiver()
        return send(state["bob"], body)
    except socket.timeout:
        state["bob"] = None
        return "NOT DELIVERED" if BUG == "timeout-not-delivered" or not sent else "UNKNOWN"
    except ConnectionResetError:
        state["bob"] = None
        return "NOT DELIVERED" if BUG == "reset-not-delivered" or not sent else "UNKNOWN"
    except (OSError, Fault):
        state["bob"] = None
        if BUG == "always-unknown":
            return "UNKNOWN"
        return "NOT DELIVERED" if BUG == "fin-not-delivered" or not sent else "UNKNOWN"


worst, state, bodies = 0, {}, [line.rstrip(b"\n") for line in sys.stdin.buffer]
if BUG == "only-first":
    bodies = bodies[:1]
if BUG == "window":
    state["bob"] = bob = Receiver()
    ids = [secrets.token_hex(8) for _ in bodies]
    for id, body in zip(ids, bodies):
        bob.say(f"SEND id={id}", body)
for index, body in enumerate(bodies):
    if BUG == "window":
        try:
            verdict = {"RECEIVED": "DELIVERED", "REFUSED": "NOT DELIVERED", "BYE": "NOT DELIVERED"}.get(bob.next()[0], "UNKNOWN")
        except OSError:
            verdict = "UNKNOWN"
    else:
        verdict = deliver(state, body)
    print(verdict, flush=True)
    worst = EXIT[verdict] if BUG == "last-exit" else max(worst, EXIT[verdict])
sys.exit(0 if BUG == "exit-0" else worst)
