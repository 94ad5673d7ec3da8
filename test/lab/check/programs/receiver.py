"""A correct synchronous receiver, and with BUG=… one that is not."""
import os, re, sys, threading

from detour1 import BUG, ID, MAX, ME, NAME, Fault, Server, listen, value

output = threading.Lock()


class Sender(Server):
    def greeting(self):
        return f"READY version=1 role=receiver as={ME} max={MAX} window=1"

    def serve(self, verb, fields, body):
        if verb != "SEND":
            raise Fault("wrong_verb", f"{verb} is not for a receiver.")
        id = value(fields, "id", ID) if BUG != "any-id" else fields.get("id", "none")
        if body is None:
            return self.refuse(id, "bad_value")
        if isinstance(body, int):
            return self.refuse(id, "too_large")
        if fields.get("to", ME) != ME and BUG != "for-anybody":
            return self.refuse(id, "wrong_name")
        if ("ttl" in fields or "notify" in fields) and BUG != "takes-ttl":
            return self.refuse(id, "unsupported")
        answer = "RECEIVED id=1" if BUG == "always-id-1" else f"RECEIVED id={id}"
        if BUG == "answers-first":
            self.say(answer)
        self.show(f"{self.name}: ".encode() + body + b"\n")
        if BUG == "answers-late-in-thread":
            threading.Timer(5, self.say, [answer]).start()
        elif BUG not in ("answers-first", "never-answers"):
            self.say(answer)

    def show(self, text):
        if BUG == "shows-nothing":
            return
        if BUG == "shows-later":
            threading.Timer(0.02, self.write, [text]).start()
        elif BUG == "no-flush":
            sys.stdout.buffer.write(text)
        else:
            self.write(text)

    def write(self, text):
        with output:
            while text:
                text = text[os.write(1, text):]

    def refuse(self, id, code):
        if BUG == "refuses-and-closes":
            raise Fault(code, "no.")
        self.say(f"REFUSED id={id} code={code}", code.encode())


listen(Sender)
