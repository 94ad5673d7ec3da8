"""A correct collector, and with BUG=… one that is not."""
import os, socket, sys, time

from detour1 import BUG, ME, NUMBER, Fault, Wire, value

RELAY = os.environ.get("DETOUR_RELAY", "127.0.0.1:4100").rpartition(":")


def show(text):
    if BUG == "no-flush":
        sys.stdout.buffer.write(text)
        return
    while text:
        text = text[os.write(1, text):]


def collect():
    relay = Wire(socket.create_connection((RELAY[0], int(RELAY[2])), 10))
    relay.peer.settimeout(None)
    if BUG != "asks-early":
        frame = relay.read()
        if frame is None or frame[0] != "READY" or (BUG != "any-role" and frame[1].get("role") != "relay"):
            return 1
    relay.say(f"HELLO version=1 as={'bea' if BUG == 'own-name' else ME}")
    relay.say("RECEIVE window=4 drain=yes")
    count, handled, batch = 0, 0, []
    while True:
        frame = relay.read()
        if frame is None:
            return 1
        verb, fields, body = frame
        if verb == "PING":
            if BUG != "no-pong":
                relay.say("PONG")
        elif verb == "MESSAGE":
            count += 1
            seq = value(fields, "seq", NUMBER)
            ack = f"ACK seq={count if BUG == 'counts' else int(seq) + 1 if BUG == 'ack-above' else seq}"
            if BUG == "skips-notices" and "kind" in fields:
                continue
            if BUG == "skips-attempts" and fields["attempt"] != "1":
                continue
            if BUG == "ack-first":
                relay.say(ack)
            if BUG == "batch-shows":
                batch.append(body + b"\n")
                if len(batch) >= 50:
                    show(b"".join(batch))
                    batch = []
            else:
                show(fields.get("from", "?").encode() + b": " + body + b"\n")
            if BUG not in ("ack-first", "no-ack"):
                relay.say(ack)
        elif verb == "EMPTY":
            if BUG == "stays":
                continue
            if BUG != "no-bye-at-end":
                relay.say("BYE")
                while True:
                    frame = relay.read()
                    if frame is None or frame[0] == "BYE":
                        break
            return 3 if BUG == "exit-3" else 0
        elif verb in ("BYE", "ERROR"):
            return 11


while True:
    code = collect()
    if not (code == 11 and BUG == "comes-back"):
        sys.exit(code)
