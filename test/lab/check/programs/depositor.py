"""A correct depositor, which sends each line to a relay and repeats what was not answered; with BUG=… one that is not."""
import os, secrets, socket, sys, time

from detour1 import BUG, ME, Fault, Wire, value, NUMBER

RELAY = os.environ.get("DETOUR_RELAY", "127.0.0.1:4100").rpartition(":")
TO = os.environ.get("DETOUR_TO", "bob")
TIMEOUT = float(os.environ.get("DETOUR_TIMEOUT", "10"))
EXIT = {"STORED": 0, "NOT DELIVERED": 10, "UNKNOWN": 20}
SESSION = secrets.token_hex(8)
tries = 0


class Relay(Wire):
    def __init__(self, deadline):
        global tries
        super().__init__(socket.create_connection((RELAY[0], int(RELAY[2])), left(deadline)))
        tries += 1
        session = f" session={SESSION if BUG != 'new-session' else secrets.token_hex(8)} try={1 if BUG == 'same-try' else tries}"
        if BUG == "sends-before-ready":
            self.say(f"HELLO version=1 as={ME}{session}")
            return
        verb, fields, _ = self.next(deadline)
        if verb != "READY":
            raise Fault("malformed", f"{verb} came before READY.")
        if BUG != "any-role" and value(fields, "role", "receiver|relay") != "relay":
            raise Fault("wrong_verb", "not a relay.")
        if BUG != "any-version" and value(fields, "version", NUMBER) != "1":
            raise Fault("version", "a higher version.")
        self.say(f"HELLO version=1 as={'alice2' if BUG == 'own-name' else ME}{session}")

    def next(self, deadline):
        while True:
            self.peer.settimeout(left(deadline))
            frame = self.read()
            if frame is None:
                if BUG == "half-answer" and self.buffer.startswith(b"STORED id="):
                    return "STORED", {"id": self.buffer[10:].split()[0].decode()}, None
                raise ConnectionError("FIN")
            if frame[0] == "PING":
                if BUG != "no-pong":
                    self.say("PONG")
            elif frame[0] != "PONG":
                return frame


def left(deadline):
    if BUG == "no-deadline":
        return None
    rest = deadline - time.monotonic()
    if rest <= 0:
        raise socket.timeout()
    return rest


def send(relay, id, body):
    if BUG == "characters":
        relay.peer.sendall(f"SEND id={id} to={TO} size={len(body.decode())}\n".encode() + body + b"\n")
    else:
        relay.say(f"SEND id={id}{'' if BUG == 'no-to' else f' to={TO}'}", body + b"\n" if BUG == "line-end" else body)


def answer(relay, id, deadline):
    """STORED, NOT DELIVERED for a refusal or BYE, or UNKNOWN for an ERROR."""
    while True:
        verb, fields, _ = relay.next(deadline)
        if verb == "BYE":
            return "UNKNOWN" if BUG == "bye-unknown" else "NOT DELIVERED"
        if verb == "ERROR":
            return "NOT DELIVERED" if BUG == "error-not-delivered" else "UNKNOWN"
        if fields.get("id") == id or BUG == "any-answer":
            if verb == "STORED" or BUG == "refused-stored":
                return "STORED"
            return "UNKNOWN" if BUG == "refused-unknown" else "NOT DELIVERED"


def deposit(state, id, body):
    deadline, maybe, verdict = time.monotonic() + TIMEOUT, False, "NOT DELIVERED"
    while verdict != "STORED" and (BUG == "no-deadline" or time.monotonic() < deadline):
        sent = False
        try:
            if state.get("relay") is None:
                state["relay"] = Relay(deadline)
            sent = True
            if BUG == "new-id":
                id = secrets.token_hex(8)
            send(state["relay"], id, body)
            verdict = answer(state["relay"], id, deadline)
            if verdict == "NOT DELIVERED":
                return "UNKNOWN" if maybe and BUG != "last-counts" else verdict
            maybe = maybe or verdict == "UNKNOWN"
        except (OSError, Fault) as error:
            maybe = sent if BUG == "attempts-alone" else maybe or sent
            if sent and (BUG == "fin-not-delivered" and str(error) == "FIN" or
                         BUG == "timeout-not-delivered" and isinstance(error, socket.timeout)):
                return "NOT DELIVERED"
            if BUG == "gives-up" and sent:
                break
        if verdict != "STORED":
            state["relay"] = None
            time.sleep(0.05)
    return verdict if verdict == "STORED" else "UNKNOWN" if maybe or BUG == "always-unknown" else "NOT DELIVERED"


worst, state, bodies = 0, {}, [line.rstrip(b"\n") for line in sys.stdin.buffer]
if BUG == "only-first":
    bodies = bodies[:1]
if BUG == "backwards":
    bodies.reverse()
if BUG == "window" and len(bodies) > 2:
    state["relay"] = Relay(time.monotonic() + TIMEOUT)
    for body in bodies:
        send(state["relay"], secrets.token_hex(8), body)
    for body in bodies:
        state["relay"].next(time.monotonic() + TIMEOUT)
        print("STORED", flush=True)
    sys.exit(0)
for body in bodies:
    verdict = deposit(state, "same" if BUG == "same-id" else secrets.token_hex(8), body)
    print(verdict, flush=True)
    worst = EXIT[verdict] if BUG == "last-exit" else max(worst, EXIT[verdict])
sys.exit(0 if BUG == "exit-0" else worst)
