// Where a student begins: a program in Python that runs, and fails stage by stage until the student has written the rest.

import { asTyped } from '../../core/command-name.ts';
import type { Role } from './run.ts';

const SERVER = (
  role: string,
  name: string,
  rest: string,
): string => asTyped`"""${name}: write the rest. Check it: detour check ${role} -- python3 THIS_FILE"""
import os, socket

host, port = os.environ.get("DETOUR_HOST", "127.0.0.1"), int(os.environ.get("DETOUR_PORT", "4101"))
me = os.environ.get("DETOUR_AS", "${role === 'relay' ? 'relay' : 'bob'}")

listener = socket.create_server((host, port))
while True:
    peer, _ = listener.accept()
    # Stage 1 is a server that greets by itself: which line must it send? (PROTOCOL.md, "READY")
${rest}    peer.close()
`;

const CLIENT = (
  role: string,
  name: string,
  variable: string,
  rest: string,
): string => asTyped`"""${name}: write the rest. Check it: detour check ${role} -- python3 THIS_FILE"""
import os, socket, sys

host, port = os.environ.get("${variable}", "127.0.0.1:4100").rsplit(":", 1)
me = os.environ.get("DETOUR_AS", "${role === 'collector' ? 'bob' : 'alice'}")

${rest}`;

const TEXTS: Readonly<Record<Role, string>> = {
  receiver: SERVER(
    'receiver',
    'bob, synchronous',
    '    # Then show each message with print(…, flush=True), and only after that answer RECEIVED.\n',
  ),
  relay: SERVER(
    'relay',
    'a relay',
    '    # os.environ["DETOUR_JOURNAL"] is a folder that outlives a kill. Say STORED when the message is on the disk.\n',
  ),
  sender: CLIENT(
    'sender',
    'alice, synchronous',
    'DETOUR_TO',
    `for line in sys.stdin:
    # Stage 1 is a client that says HELLO. Each line of stdin is one message (PROTOCOL.md, "SEND").
    peer = socket.create_connection((host, int(port)))
    peer.close()
    # One of DELIVERED, NOT DELIVERED, UNKNOWN for each message; the exit code is the worst: 0, 10 or 20.
    print("UNKNOWN", flush=True)
sys.exit(20)
`,
  ),
  depositor: CLIENT(
    'depositor',
    'alice, asynchronous',
    'DETOUR_RELAY',
    `to = os.environ.get("DETOUR_TO", "bob")

for line in sys.stdin:
    # Stage 1 is a client that says HELLO. Each line of stdin is one message (PROTOCOL.md, "SEND").
    # What was not answered is sent again, on a new connection, until DETOUR_TIMEOUT seconds are over (PROTOCOL.md, "Repeats").
    peer = socket.create_connection((host, int(port)))
    peer.close()
    # One of STORED, NOT DELIVERED, UNKNOWN for each message; the exit code is the worst: 0, 10 or 20.
    print("UNKNOWN", flush=True)
sys.exit(20)
`,
  ),
  collector: CLIENT(
    'collector',
    'bob, asynchronous',
    'DETOUR_RELAY',
    `peer = socket.create_connection((host, int(port)))
# Stage 1 is a client that says HELLO and asks for its mail (PROTOCOL.md, "RECEIVE").
# Then show each message with print(…, flush=True), and only after that send ACK.
peer.close()
`,
  ),
};

/** A program to begin with, in Python. */
export const startText = (role: Role): string => TEXTS[role];
