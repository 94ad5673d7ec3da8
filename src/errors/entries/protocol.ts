// The catalogue, part 4: what programs say to each other in detour/1. The answer REFUSED, the end ERROR, BYE, and
// detour's own words for a peer that says too little, too late, or something else.

import {
  AFTER_CONNECTING,
  BEFORE_SENDING,
  type ByRoute,
  type CatalogEntry,
  ERROR,
  type Moment,
  NO_VERDICT,
  PROTOCOL,
  REFUSED,
  SAME_TEXT,
} from '../entry.ts';

type Own = Pick<CatalogEntry, 'code' | 'title' | 'meaning' | 'so' | 'tryNext'> &
  Partial<Pick<CatalogEntry, 'notSo' | 'moments' | 'certainty'>>;

// What the entries of one verb have in common is said once.
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
const error = spoken((code) => `ERROR code=${code}, then the connection is closed`, ['error'], ERROR);
const NOT_TAKEN = 'this attempt was not taken, and the program said so itself';

/** REFUSED: one SEND was not taken. The connection stays open. */
const REFUSALS: readonly CatalogEntry[] = [
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
    meaning: 'The message says to=, and the receiver that was called goes by another name.',
    so: 'a program took the call, but it goes by another name',
    tryNext: 'check the place, or leave the name out: a sync message goes to whoever is there',
  },
  {
    code: 'unsupported',
    title: 'REFUSED: only the relay can do that',
    meaning: 'ttl= and notify= need somebody who keeps the message. A sync receiver keeps nothing.',
    so: NOT_TAKEN,
    tryNext: 'leave the option out, or take the detour: detour async send',
  },
  {
    code: 'bad_value',
    title: 'REFUSED: a value cannot be meant',
    meaning:
      'A key of SEND has a value outside what the protocol allows; the id was good, so it could be answered.',
    so: NOT_TAKEN,
    tryNext: 'the sentence names the key: correct it',
  },
  {
    code: 'id_reused',
    title: 'REFUSED: that id is another message',
    meaning: 'The relay remembers this id of this sender with another recipient or another text.',
    so: 'the earlier message of that id is with the relay; this one is not',
    notSo: '"the repeat was refused": a true repeat is answered STORED … dup=yes',
    tryNext: 'choose a new --id for a new message',
  },
  {
    code: 'busy',
    title: 'REFUSED: the relay remembers too much',
    meaning:
      'The relay must remember ids to recognise repeats, and cannot take one more without forgetting another.',
    so: 'refused rather than risk storing it twice',
    tryNext: 'wait a little and send again',
  },
  {
    code: 'too_many',
    title: 'REFUSED: too many mailboxes',
    meaning: 'The relay keeps at most 100,000 mailboxes, and this message would need one more.',
    so: NOT_TAKEN,
    tryNext: 'check the name it goes to; somebody may be making up names',
  },
  {
    code: 'disk_full',
    title: "REFUSED: no room on the relay's disk",
    meaning:
      'The relay refuses before it accepts what it could not keep. Receivers can still fetch and acknowledge.',
    so: NOT_TAKEN,
    notSo: '"mail is lost": what was STORED stays stored',
    tryNext: "make room on the relay's disk; it goes on by itself then",
  },
].map(refused);

/** ERROR: the connection cannot go on. */
const PROTOCOL_ERRORS: readonly CatalogEntry[] = [
  {
    code: 'malformed',
    title: 'ERROR: not a frame',
    meaning: 'What arrived breaks the grammar, so where the next frame begins is not known.',
    so: 'the two sides no longer agree on where a frame begins',
    tryNext:
      'compare with PROTOCOL.md: one space between fields, size= counts bytes, a newline after the body',
  },
  {
    code: 'unknown_verb',
    title: 'ERROR: no such verb',
    meaning: 'The line begins with a word that is not a verb of this version.',
    so: 'the other side speaks another version, or it is a slip',
    tryNext: 'verbs are written in capital letters: see PROTOCOL.md',
  },
  {
    code: 'wrong_verb',
    title: 'ERROR: not now, or not from you',
    meaning: 'The verb exists, but not from this side, to this role, or at this point of the conversation.',
    so: 'the order of the conversation was broken',
    tryNext: 'see in PROTOCOL.md who may say it, and when',
  },
  {
    code: 'bad_value',
    title: 'ERROR: a value cannot be meant',
    meaning:
      'A key is missing or has a value that the protocol does not allow, and there is no id to refuse.',
    so: 'the frame was not carried out',
    tryNext: 'the sentence names the key: correct it',
  },
  {
    code: 'no_hello',
    title: 'ERROR: say HELLO first',
    meaning: 'Before HELLO only STATUS, PING and BYE are served.',
    so: 'the frame was not carried out',
    tryNext: 'begin with: HELLO version=1 as=alice',
  },
  {
    code: 'version',
    title: 'ERROR: the other side speaks another version',
    meaning: 'READY or HELLO named a version of the protocol that the other side does not know.',
    so: 'the two programs cannot talk to each other',
    tryNext: 'run the same version of detour on both sides',
  },
  {
    code: 'wrong_name',
    title: 'ERROR: that name cannot be yours',
    meaning: 'The name in HELLO belongs to the server itself: the relay sends its notices in its own name.',
    so: "nobody may speak in the relay's name",
    tryNext: 'choose another name: --as',
  },
  {
    code: 'too_large',
    title: 'ERROR: far too big even to throw away',
    meaning:
      'The body is announced as bigger than 16 times the limit, more than is even counted and discarded.',
    so: 'the body was not read',
    tryNext: 'send a shorter message; or is size= right?',
  },
  {
    code: 'bad_ack',
    title: 'ERROR: ACK of what was never sent',
    meaning: 'A receiver acknowledged a number above the last that this connection was sent.',
    so: 'nothing was acknowledged by it: the mail stays',
    tryNext: 'acknowledge the seq of the last MESSAGE that was handled',
  },
  {
    code: 'damaged',
    title: 'ERROR: a stored message does not check out',
    meaning:
      "A message read back from the relay's disk fails its checksum. That mailbox stops; nothing is skipped.",
    so: 'the mail behind it is kept, but not handed out',
    tryNext: "the sentence names the file and the place: look after the relay's disk",
  },
  {
    code: 'failed',
    title: 'ERROR: the receiver took it and failed',
    meaning:
      'The receiving program had the message and failed while handling it, for example while showing it.',
    so: 'it was read; how much of the handling was done, is not said',
    notSo: '"failed, so nothing happened": half of it may have',
    tryNext: 'ask {peer}, then decide whether to send again',
    certainty: 'UNKNOWN: handling had begun, and nobody says how far it got.',
  },
  {
    code: 'too_slow',
    title: 'ERROR: too slow',
    meaning:
      'A limit of time was broken: HELLO within 60 s, a started frame at 1 kB/s after 5 s, and no ' +
      '30 s without taking any of the answers.',
    so: 'the server made room for others',
    tryNext: 'connect again; when typing by hand, prepare the lines first',
  },
  {
    code: 'too_many',
    title: 'ERROR: too many at a time',
    meaning:
      'The server is at one of its limits, connections for instance; the sentence behind the code says which.',
    so: 'it is there, but takes no more',
    tryNext: 'wait a little and connect again',
  },
  {
    code: 'stale',
    title: 'ERROR: an older connection of yours',
    meaning:
      'A session counts its connections with try=. This one is older than the newest, so it is a ghost and is not served: ' +
      'a ghost must not act after its successor.',
    so: 'what was unread on this connection is dropped; the newer one counts',
    tryNext: 'nothing: the newer connection repeats what was not answered',
  },
].map(error);

/** Replies that end a wait in another way, and detour's own words. */
const OWN_WORDS: readonly CatalogEntry[] = [
  spoken(
    () => 'BYE code=replaced from {peer}',
    ['bye'],
    NO_VERDICT,
  )({
    code: 'replaced',
    title: 'BYE: somebody else took this mailbox',
    meaning:
      "A newer receiver asked for the same name's mail. The newest wins, and the older one does not come back by itself.",
    so: 'mail not yet acknowledged here goes to the newer one, perhaps a second time',
    notSo: '"mail was lost": what was not acknowledged comes again',
    tryNext: 'let one program at a time receive for a name, or use another: --as',
  }),
  spoken(
    () => 'connected to {place}, but no READY in time',
    ['greeting'],
    BEFORE_SENDING,
  )({
    code: 'no_greeting',
    title: 'connected, but no program said READY',
    meaning:
      'The kernel took the call and no program greeted: it is frozen, busy, behind a proxy, or not a detour server.',
    so: 'a kernel is there, a program did not show itself',
    notSo: '"connected, so {peer} is there": a kernel connects, a program greets',
    tryNext: 'look at {peer}: is it frozen? is it the right port?',
  }),
  spoken(
    () => 'READY from {place}, in the other role',
    ['greeting'],
    BEFORE_SENDING,
  )({
    code: 'wrong_door',
    title: 'a relay where a receiver was meant, or vice versa',
    meaning:
      'READY says whether a receiver (sync) or a relay (async) is there. It was not the one that was called.',
    so: 'the other mode lives at that address',
    tryNext: 'a receiver is called with detour sync send, a relay with detour async send',
  }),
  spoken(
    () => '{place} sent bytes that are not detour/1',
    ['greeting'],
    BEFORE_SENDING,
  )({
    code: 'not_detour',
    title: 'another protocol answers there',
    meaning:
      'Something listens there and talks, but its first bytes are no READY: a web server or a mail server, say.',
    so: 'a program is there, and it is not detour',
    tryNext: "check the port: detour's own are 4100 (relay) and 4101 (receiver)",
  }),
  spoken(
    () => 'no answer from {place} in time',
    ['greeting', 'answer'],
    AFTER_CONNECTING,
  )({
    code: 'deadline',
    title: 'no answer before our own deadline',
    meaning:
      'We stopped waiting. That is our clock and our decision; it says nothing about what the other side does.',
    so: 'nothing: the answer may be a moment away, or never come',
    notSo: '"timed out, so it failed": it may be handled after we left',
    tryNext: {
      sync: 'ask {peer}, or wait longer: --timeout. Sending again may make it two',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  }),
  spoken(
    () => 'no byte from {place}, and no PONG to our PINGs',
    ['answer', 'idle'],
    AFTER_CONNECTING,
  )({
    code: 'silent',
    title: 'the heartbeat gave up',
    meaning:
      'After one heartbeat without a byte comes PING, and after three without any the connection is given up.',
    so: 'no program answers: frozen, cut off or gone, that cannot be told apart',
    notSo: '"it is dead": a frozen program may thaw and go on',
    tryNext: {
      sync: 'look at {peer}. Sending again may make it two: sync remembers nothing',
      async: 'connect again; the relay knows a repeat under the same --id for at least 10 minutes',
    },
  }),
  spoken(
    () => 'a bounce from {peer}: the message expired in the mailbox',
    ['answer'],
    'bounce tried=no: NOT DELIVERED. bounce tried=yes: UNKNOWN, for it had been written to a receiver that did not acknowledge.',
  )({
    code: 'expired',
    title: 'nobody fetched it in time (--ttl)',
    meaning:
      'The message was kept as long as it asked for, and no receiver acknowledged it within that time.',
    so: 'the relay hands it out no more; tried=no: nobody saw it, tried=yes: somebody may have',
    notSo: '"expired, so nobody saw it": a receiver can show it and be killed before ACK',
    tryNext: 'send it again with a longer --ttl, or with none',
  }),
  spoken(
    () => 'nothing new: we stopped waiting',
    ['greeting', 'answer'],
    AFTER_CONNECTING,
  )({
    code: 'interrupted',
    title: 'stopped with Ctrl-C while waiting',
    meaning:
      'The person at the keyboard ended the wait (exit code 130). The message goes its way, or not, without us.',
    so: 'nothing about a message that was handed over already',
    notSo: '"interrupted, so it was taken back": what is sent cannot be called back',
    tryNext: {
      sync: 'ask {peer} before sending again',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  }),
];

/** Everything that programs say, or fail to say. */
export const PROTOCOL_ENTRIES: readonly CatalogEntry[] = [...REFUSALS, ...PROTOCOL_ERRORS, ...OWN_WORDS];
