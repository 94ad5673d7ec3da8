"""bob, synchronous: shows each message and only then answers RECEIVED. He must be there when it is sent.

    python3 receiver.py --port 4101 --as bob --work 8      (8 s between showing and answering: time to kill him)

Defaults: DETOUR_HOST, DETOUR_PORT, DETOUR_AS. Left out of src/wire/PROTOCOL.md: replies ("RECEIVED"); and, as
frames.py and server.py say more exactly, "Heartbeats", "Repeats", some of "Limits" and "Closing".
"""
import os, threading, time

from frames import Fault, visible
from server import Client, arguments, listen

output = threading.Lock()  # each sender has its own thread, but there is one output


class Sender(Client):
    """A sender that has connected to bob."""
    role, window = "receiver", 1  # one message at a time

    def take(self, id, to, body):
        """Shows the message, and answers RECEIVED."""
        show(self.name, body)
        time.sleep(max(0, options.work))
        self.say(f"RECEIVED id={id}")  # not a moment earlier: for alice it means DELIVERED


def show(sender, body):
    """Writes a message to the output, as one line, and waits until it is written."""
    try:
        with output:
            print(f"{sender}: {visible(body)}", flush=True)
    except (OSError, ValueError) as error:
        raise Fault("failed", f"the message could not be shown: {error}.")


parser = arguments("4101")
parser.add_argument("--as", default=os.environ.get("DETOUR_AS", "bob"), dest="me")
parser.add_argument("--work", default=0, type=float, metavar="SECONDS")
options = parser.parse_args()
listen(Sender, options, options.me)
