// The catalogue, part 4: what a program answers in detour/1 when it cannot do what it was asked. REFUSED is about one
// message, ERROR is about the connection. Answers that never come are in words.ts.

import {
  type ByRoute,
  type CatalogEntry,
  ERROR,
  type Moment,
  PROTOCOL,
  REFUSED,
  SAME_TEXT,
} from '../entry.ts';

type Own = Pick<CatalogEntry, 'code' | 'title' | 'meaning' | 'so' | 'tryNext'> &
  Partial<Pick<CatalogEntry, 'wire' | 'notSo' | 'moments' | 'certainty'>>;

// What all entries of one verb have in common.
const spoken =
  (wire: (code: string) => ByRoute, moments: readonly Moment[], certainty: string) =>
  (own: Own): CatalogEntry => ({
    moments,
    layer: 'program (detour/1)',
    wire: wire(own.code),
    certainty,
    reference: PROTOCOL,
    elsewhere: SAME_TEXT,
    basis: 'rule of detour/1',
    ...own,
  });

const refused = spoken((code) => `{peer}'s program answered REFUSED code=${code}`, ['refused'], REFUSED);
const error = spoken(
  (code) => `ERROR code=${code}, then the connection is closed`,
  ['error', 'greeting'],
  ERROR,
);
const NOT_TAKEN = 'this attempt was not accepted, and the program itself said so';

/** REFUSED: one SEND was not accepted. The connection stays open. */
const REFUSALS: readonly Own[] = [
  {
    code: 'too_large',
    title: 'REFUSED: the message is too big',
    meaning: 'The body is bigger than the max= of READY. It was counted and thrown away.',
    so: NOT_TAKEN,
    tryNext: 'send a shorter message, or several',
  },
  {
    code: 'wrong_name',
    title: 'REFUSED: nobody of that name here',
    meaning:
      'The to= of the message is not the name of this sync receiver. A relay refuses its own name: it collects no mail.',
    so: 'a program is there, but it takes no mail for that name',
    tryNext: {
      sync: 'check the address, or leave to= out: a sync message goes to whoever is there',
      async: 'give the name of a receiver: --to bob',
    },
  },
  {
    code: 'unsupported',
    title: 'REFUSED: only the relay can do that',
    meaning: 'ttl= and notify= need a relay, which keeps messages. A sync receiver keeps nothing.',
    so: NOT_TAKEN,
    tryNext: 'leave the option out, or take the detour: detour async send',
  },
  {
    code: 'bad_value',
    title: 'REFUSED: a value is not valid',
    meaning:
      'A key of SEND has a value that the protocol does not allow. Its id is valid, so the message could be refused by its id.',
    so: NOT_TAKEN,
    tryNext: 'correct the key that the sentence names',
  },
  {
    code: 'id_reused',
    title: 'REFUSED: that id is another message',
    meaning: 'The relay remembers that this sender used this id with another recipient or another text.',
    so: 'the relay stored another message under that id, and not this one',
    notSo: '"the repeat was refused": a true repeat is answered STORED with dup=yes',
    tryNext: 'choose a new --id for a new message',
  },
  {
    code: 'busy',
    title: 'REFUSED: the relay remembers too many ids',
    meaning:
      'The relay must remember ids to recognise repeats, and it cannot remember one more without forgetting another.',
    so: 'the relay refused rather than risk storing a repeat twice',
    tryNext: 'wait a few minutes and send again',
  },
  {
    code: 'too_many',
    title: 'REFUSED: too many mailboxes or messages',
    meaning:
      'The relay keeps at most 200,000 mailboxes and 20,000,000 messages, and lets one address use no more of them than are ' +
      'still free. This message would exceed that.',
    so: NOT_TAKEN,
    tryNext:
      'the sentence says which limit: check the name in --to, or see with detour async status whose mail piles up',
  },
  {
    code: 'disk_full',
    title: "REFUSED: no room on the relay's disk",
    meaning:
      'The disk is full, or messages from this address already use their share of it. The relay refuses what it could not keep. ' +
      'Receivers can still fetch and acknowledge.',
    so: NOT_TAKEN,
    notSo: '"mail is lost": what was STORED stays stored',
    tryNext: "make room on the relay's disk, or collect mail; the relay then goes on by itself",
  },
];

/** ERROR: the connection cannot go on. */
const ERRORS: readonly Own[] = [
  {
    code: 'malformed',
    title: 'ERROR: not a frame',
    meaning: 'What arrived breaks the grammar, so nobody knows where the next frame begins.',
    so: 'the two sides no longer agree on where a frame begins',
    tryNext:
      'compare with PROTOCOL.md: one space between fields, size= counts bytes, a newline after the body',
  },
  {
    code: 'unknown_verb',
    title: 'ERROR: no such verb',
    meaning: 'The line begins with a word that is not a verb of this version.',
    so: 'the other side speaks another version, or the verb is mistyped',
    tryNext: 'verbs are written in capital letters: see PROTOCOL.md',
  },
  {
    code: 'wrong_verb',
    title: 'ERROR: not now, or not from you',
    meaning:
      'The verb exists, but this side may not say it, this role does not serve it, or it is not allowed at this point.',
    so: 'one side did not keep to the protocol',
    tryNext: 'see in PROTOCOL.md who may say it, and when',
  },
  {
    code: 'bad_value',
    title: 'ERROR: a value is not valid',
    meaning:
      'A key is missing or has a value that the protocol does not allow, and there is no id to refuse.',
    so: 'the frame had no effect',
    tryNext: 'correct the key that the sentence names',
  },
  {
    code: 'no_hello',
    title: 'ERROR: say HELLO first',
    meaning: 'Before HELLO only STATUS, PING, PONG and BYE are served, and HELLO must come within 60 s.',
    so: 'no message was taken on this connection',
    tryNext: 'begin with: HELLO version=1 as=alice',
  },
  {
    code: 'version',
    title: 'ERROR: the other side speaks another version',
    meaning: 'READY or HELLO named a protocol version that the other side does not know.',
    so: 'the two programs cannot talk to each other',
    tryNext: 'run the same version of detour on both sides',
  },
  {
    code: 'wrong_name',
    wire: 'our HELLO to {address} used its own name (ERROR code=wrong_name)',
    title: 'ERROR: that name cannot be yours',
    meaning: "The name in HELLO is the relay's own. The relay sends its notices under that name.",
    so: "nobody else may use the relay's name",
    tryNext: 'choose another name: --as',
  },
  {
    code: 'too_large',
    moments: ['error'],
    title: 'ERROR: too big even to throw away',
    meaning:
      'size= announces a body of more than 16 times the limit. That is too much even to count and discard.',
    so: 'the body was not read',
    tryNext: 'send a shorter message, or check size=',
  },
  {
    code: 'bad_ack',
    title: 'ERROR: ACK of what was never sent',
    meaning: 'A receiver acknowledged a higher number than the last one it was sent on this connection.',
    so: 'that ACK acknowledged nothing: the mail stays',
    tryNext: 'acknowledge the seq of the last MESSAGE that was handled',
  },
  {
    code: 'damaged',
    title: 'ERROR: a stored message does not check out',
    meaning:
      "A message read back from the relay's disk fails its checksum. That mailbox stops there; nothing is skipped.",
    so: 'the mail after it is kept, but not handed out',
    tryNext: "the sentence names the file and the offset: check the relay's disk",
  },
  {
    code: 'failed',
    title: 'ERROR: the receiver took it and failed',
    meaning:
      'The receiving program had the message and failed while handling it, for example while showing it.',
    so: 'it was read; nobody says how much of the handling was done',
    notSo: '"failed, so nothing happened": half of it may have',
    tryNext: 'ask {peer}, then decide whether to send again',
    certainty: 'UNKNOWN: handling had begun, and nobody says how far it got.',
  },
  {
    code: 'too_slow',
    title: 'ERROR: too slow',
    meaning:
      'A frame began and its rest came too slowly: 60 s are allowed for its first 1,000 bytes, then 1 kB/s. ' +
      'Or nothing was missing, and its size= is larger than its body.',
    so: 'an unfinished frame has no effect',
    tryNext:
      'compare size= with the body, in bytes; when typing much by hand, prepare the lines and paste them',
  },
  {
    code: 'too_many',
    title: 'ERROR: too many at a time',
    meaning:
      'The server has reached one of its limits, such as that of connections. The sentence after the code says which.',
    so: 'the server is there, but takes no more',
    tryNext: 'wait a little and connect again',
  },
  {
    code: 'idle',
    title: 'ERROR: silent too long, and others were waiting',
    meaning:
      'All places of the server were taken. A client that asks for no heartbeat= and is silent for 30 s cannot be told from one that ' +
      'has vanished, so it makes room for the next. It had nothing in flight.',
    so: 'the place went to somebody else',
    tryNext: "connect again; with heartbeat= in HELLO, as detour's own clients do, the place is kept",
  },
  {
    code: 'stale',
    title: 'ERROR: not the newest connection of your session',
    meaning:
      'A session counts its connections with try=. The server has seen this try= or a higher one, so this connection is a ghost and is ' +
      'not served: a ghost must not act after its successor.',
    so: 'what was unread on this connection is dropped; the newest one counts',
    notSo:
      '"the server is not there": it answered. If this is your newest connection, another program uses your session',
    tryNext:
      'with a newer connection of yours: nothing. Without one: begin a new session, with a token that nobody else has seen',
  },
];

/** Every REFUSED and ERROR of detour/1. */
export const PROTOCOL_ENTRIES: readonly CatalogEntry[] = [...REFUSALS.map(refused), ...ERRORS.map(error)];
