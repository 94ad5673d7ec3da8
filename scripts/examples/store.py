"""What relay.py keeps: the messages of each mailbox, in memory. INCOMPLETE ON PURPOSE: here is the most to do.

MISSING of src/wire/PROTOCOL.md:
 - "STORED": the disk. STORED is a promise that outlives a kill: put may return only when the disk has the message.
 - "Repeats": after a restart no id is known, and a repeat becomes a second message.
 - "Limits": no id is ever forgotten, so memory grows without end.
 - "Expiry and notices": server.py refuses ttl= and notify=.
"""
import collections, secrets, time

NAME = secrets.token_hex(8)  # numbers begin again with every start, so the store has another name each time
known = {}  # every message that ever came, by its sender and id
held = collections.defaultdict(list)  # for each mailbox: the messages that are not acknowledged, oldest first
last = collections.Counter()  # for each mailbox: the highest number that was used


class Message:
    """A message in a mailbox."""
    def __init__(self, sender, id, to, body, seq):
        self.sender, self.id, self.to, self.body, self.seq = sender, id, to, body, seq
        self.at, self.attempt = time.time(), 0

    def header(self):
        """Returns the header line of MESSAGE. Each call counts as one more attempt to deliver it."""
        self.attempt += 1
        at, held = int(self.at * 1000), int(max(0, time.time() - self.at) * 1000)
        times = f"at={at} held={held} attempt={self.attempt}"
        return f"MESSAGE seq={self.seq} id={self.id} from={self.sender} {times}"


def put(sender, id, to, body):
    """Keeps a message. Returns it, or the one that was kept under this id before, and whether it is new."""
    if (sender, id) in known:
        return known[sender, id], False
    last[to] += 1
    message = known[sender, id] = Message(sender, id, to, body, last[to])
    held[to].append(message)
    return message, True


def drop(name, seq, sent):
    """Drops all messages up to seq: they are acknowledged. Returns False if that is more than was sent."""
    gone = [message.seq for message in held[name] if message.seq <= seq]
    if gone not in ([], [sent]) or seq > last[name]:
        return False
    del held[name][: len(gone)]
    return True
