"""alice, synchronous: sends one message straight to bob, and then says what she knows: one of three verdicts.

    python3 sender.py --to 127.0.0.1:4101 --as alice hello bob     (or standard input; --lines: each line of it)

DELIVERED (exit code 0), NOT DELIVERED (10: it is certain) or UNKNOWN (20). Defaults: DETOUR_TO, or DETOUR_HOST
and DETOUR_PORT; DETOUR_AS. Left out of src/wire/PROTOCOL.md: "Heartbeats", "Repeats", and of "Limits" too_slow.
"""
import argparse, os, secrets, sys

from client import connect
from frames import NUMBER, Fault, require, value, visible


def send(bob, body):
    """Sends the message and waits for the answer. Returns the verdict, and why."""
    id = secrets.token_hex(8)
    try:
        bob.say(f"SEND id={id}", body)
        while True:
            verb, fields, text = bob.receive()
            if verb == "BYE":
                return "NOT DELIVERED", "bob said BYE instead of an answer: he did not take it, and will not"
            require(verb in ("RECEIVED", "REFUSED"), "wrong_verb", f"{verb} is not an answer to SEND.")
            if fields.get("id") == id and verb == "RECEIVED":
                return "DELIVERED", "bob's program has shown it" + (f": {visible(text)}" if text else "")
            if fields.get("id") == id:
                return "NOT DELIVERED", f"bob refused it, code={fields.get('code')}: {visible(text)}"
    except (OSError, Fault, KeyboardInterrupt) as error:  # a reset, a FIN, silence: he may have read it, or not
        return "UNKNOWN", str(error) or repr(error)


host, port = os.environ.get("DETOUR_HOST", "127.0.0.1"), os.environ.get("DETOUR_PORT", "4101")
parser = argparse.ArgumentParser(description="sends a message to a receiver that must be listening now")
parser.add_argument("--to", default=os.environ.get("DETOUR_TO", f"{host}:{port}"), metavar="HOST:PORT")
parser.add_argument("--as", default=os.environ.get("DETOUR_AS", "alice"), dest="me")
parser.add_argument("--timeout", default=10, type=float, metavar="SECONDS")
parser.add_argument("words", nargs="*")
parser.add_argument("--lines", action="store_true", help="each line of standard input is a message")
options = parser.parse_args()

def deliver(body):
    """Sends one message on a connection of its own, and prints the verdict. Returns its exit code."""
    bob = None
    try:
        body = sys.stdin.buffer.read() if body is None else body
        bob = connect(options.to, options.me, options.timeout)
        ready = bob.greet("receiver", options.me)
        require(len(body) <= int(value(ready, "max", "0|" + NUMBER)), "too_large", "it is larger than bob takes.")
    except (OSError, ValueError, Fault, KeyboardInterrupt) as error:  # no byte of SEND has been written
        verdict, why = "NOT DELIVERED", str(error) or repr(error)
    else:
        verdict, why = send(bob, body)
    print(f"{verdict}: {why}", flush=True)
    bob and bob.leave()
    return {"DELIVERED": 0, "NOT DELIVERED": 10, "UNKNOWN": 20}[verdict]


words = os.fsencode(" ".join(options.words)) if options.words else None
lines = (line.rstrip(b"\n") for line in sys.stdin.buffer) if options.lines else [words]
sys.exit(max(map(deliver, lines), default=0))
