"""bob, asynchronous: collects his mail from a relay, and acknowledges each message after he has shown it.

    python3 collector.py --relay 127.0.0.1:4100 --as bob --follow --work 8      (8 s to kill him before ACK)

Without --follow he leaves when nothing waits for him. Defaults: DETOUR_RELAY, or DETOUR_HOST and DETOUR_PORT;
DETOUR_AS. Left out of src/wire/PROTOCOL.md: "Heartbeats", "Repeats" (he never connects again), of "Limits" too_slow.
"""
import argparse, os, sys, time

from client import connect
from frames import NAME, NUMBER, Fault, require, value, visible


def show(fields, body):
    """Writes a message to the output, as one line, and waits until it is written."""
    require(body is not None, "bad_value", "MESSAGE needs size=.")
    sender, attempt = value(fields, "from", NAME), value(fields, "attempt", NUMBER)
    print(f"{sender}: {visible(body)}", flush=True)
    if attempt != "1":
        print(f"  attempt {attempt}: an earlier bob may have shown it", file=sys.stderr)


def collect(relay):
    """Shows and acknowledges what comes, until nothing is left. Returns a sentence if something went wrong."""
    relay.greet("relay", options.me)
    relay.deadline.cancel()
    relay.say("RECEIVE window=1" + ("" if options.follow else " drain=yes"))
    while True:
        verb, fields, body = relay.receive()
        if verb == "MESSAGE":
            seq = value(fields, "seq", NUMBER)
            show(fields, body)
            time.sleep(max(0, options.work))
            relay.say(f"ACK seq={seq}")  # only now: what is not acknowledged comes again
        elif verb == "EMPTY":
            return None if relay.leave() else "the relay has not said BYE"
        elif verb == "BYE":
            replaced = fields.get("code") == "replaced"
            return "another collector has taken this mailbox" if replaced else "the relay is being stopped"
        else:
            raise Fault("wrong_verb", f"{verb} is not for a receiver.")


host, port = os.environ.get("DETOUR_HOST", "127.0.0.1"), os.environ.get("DETOUR_PORT", "4100")
parser = argparse.ArgumentParser(description="collects mail from a relay")
parser.add_argument("--relay", default=os.environ.get("DETOUR_RELAY", f"{host}:{port}"), metavar="HOST:PORT")
parser.add_argument("--as", default=os.environ.get("DETOUR_AS", "bob"), dest="me")
parser.add_argument("--work", default=0, type=float, metavar="SECONDS")
parser.add_argument("--follow", action="store_true")
options = parser.parse_args()
try:
    sys.exit(collect(connect(options.relay, options.me, 10)))
except KeyboardInterrupt:
    sys.exit(130)
except (OSError, ValueError, Fault) as error:
    sys.exit(f"{options.me} stops: {error}")
