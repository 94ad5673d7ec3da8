"""A relay to begin with: it keeps messages until they are collected.   python3 relay.py --port 4100

INCOMPLETE ON PURPOSE. MISSING of src/wire/PROTOCOL.md: what store.py says; "Heartbeats", some of "Repeats", "Limits"
and "Closing"; and here "STATUS" and, of "RECEIVE", limit=, a window, and that the newest collector wins (ERROR).
"""
import store, threading
from frames import NUMBER, require, value
from server import Client, arguments, listen

lock = threading.Lock()  # each client has its own thread: a thread must hold this to use store and collectors
collectors = {}  # the collector of each mailbox; None: it had one, which has left


class Peer(Client):
    """A sender or a collector. flying: the number on its way to it. drain: EMPTY is due when all up to it is gone."""
    role, window, flying, drain, more = "relay", 16, None, None, f" store={store.NAME}"

    def take(self, id, to, body):
        """Takes SEND: stores the message, and sends it on if somebody collects."""
        with lock:
            message, new = store.put(self.name, id, to, body)
            if (message.to, message.body) != (to, body):
                return self.refuse(id, "id_reused", f"The id {id} was used for another message.")
            present = "yes" if collectors.get(to) else "no" if to in collectors else "never"
            self.say(f"STORED id={id} seq={message.seq} present={present}{'' if new else ' dup=yes'}")
            deliver(to)

    def other(self, verb, fields):
        """Takes RECEIVE and ACK from a collector."""
        require(verb in ("RECEIVE", "ACK") and "limit" not in fields, "wrong_verb", "not served here, or not now.")
        with lock:
            if verb == "RECEIVE":
                value(fields, "window", NUMBER)  # MISSING: whatever it allows, one message at a time is on its way
                require(collectors.get(self.name) in (None, self), "wrong_verb", "another collector is here.")
                self.drain = store.last[self.name] if "drain" in fields and value(fields, "drain", "yes") else None
                collectors[self.name] = self  # MISSING: if another was here, BYE code=replaced for that one
            else:
                seq = int(value(fields, "seq", NUMBER))
                require(store.drop(self.name, seq, self.flying), "bad_ack", f"{seq} was not sent here.")
                self.flying = None if seq == self.flying else self.flying
            deliver(self.name)

    def leave(self):
        """Gives the mailbox up: a message that is on its way to this collector goes to the next one."""
        with lock:
            if collectors.get(self.name) is self:
                collectors[self.name] = None


def deliver(name):
    """Sends the oldest message of a mailbox to its collector, if none is on its way."""
    bob, mail = collectors.get(name), store.held[name]
    if bob and bob.drain is not None and not (mail and mail[0].seq <= bob.drain):
        bob.drain = bob.say("EMPTY")
    if bob and mail and bob.flying is None:
        bob.flying = mail[0].seq
        bob.say(mail[0].header(), mail[0].body)


listen(Peer, arguments("4100").parse_args(), "relay")
