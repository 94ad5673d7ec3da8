import { expect, test } from 'vitest';
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  keyOf,
  noticeFrame,
  numbersText,
} from '../../../src/async/entry.ts';
import { Hasher } from '../../../src/core/hash.ts';
import { encodeFrame, framesIn } from '../../../src/wire/frame.ts';
import { MAX_TTL } from '../../../src/wire/verbs.ts';
import { sentMessage } from '../sent.ts';

const hasher = new Hasher(Buffer.from('0123456789abcdef'));
const times = { at: 1_700_000_000_123, t: 86_400_000 };
const LARGEST = 999_999_999_999_999;
const LONG_NAME = `w-${'n'.repeat(30)}`;
const LONG_TOKEN = 'T'.repeat(64);

/** The bytes of an entry, in one piece. */
const bytesOf = (entry: Entry, frames?: readonly Uint8Array[]): Buffer =>
  Buffer.concat(encodeEntry(entry, frames));

/** A SEND frame as a client writes it. */
const clientFrame = (line: string, body: string): Buffer =>
  Buffer.from(`SEND ${line} size=${Buffer.byteLength(body)}\n${body}\n`);

const FRAMES = [
  clientFrame('id=a to=bob', 'hello'),
  clientFrame('id=b to=w-1 ttl=60 notify=ann', ''),
  clientFrame('id=c to=bob notify=w-2', 'a body\nof two lines\n'),
];
const MESSAGES = [
  { id: 'a', to: 'bob', size: 5 },
  { id: 'b', to: 'w-1', ttl: 60, notify: 'ann', size: 0 },
  { id: 'c', to: 'bob', notify: 'w-2', size: 20 },
];
const BODIES = ['hello', '', 'a body\nof two lines\n'].map((body) => Buffer.from(body));
const RECEIPT = { id: 'a', to: 'ann', seq: 7, ttl: 604_800, kind: 'receipt' } as const;
const BOUNCE = { id: 'b', to: 'w-2', seq: 9, ttl: 604_800, kind: 'bounce', tried: 'yes' } as const;
const TOLD = { id: 'lost-77', to: 'bob', seq: 1_000_000_001, ttl: 604_800 } as const;
const NOTICES = [noticeFrame(RECEIPT, 'It was received.'), noticeFrame(BOUNCE, 'It has expired.')];
const NOTICE_MESSAGES = [
  { ...RECEIPT, size: 16 },
  { ...BOUNCE, size: 15 },
];

/** At least one entry for each verb, with its frames. */
const EXAMPLES: readonly (readonly [Entry, readonly Buffer[]])[] = [
  [
    {
      verb: 'SEND',
      from: 'ann',
      session: 's1',
      first: new Map([
        ['bob', 17],
        ['w-1', 3],
      ]),
      ...times,
      messages: MESSAGES.map((message, index) =>
        sentMessage('ann', message, BODIES[index] as Buffer, hasher),
      ),
    },
    FRAMES,
  ],
  [
    {
      verb: 'REPEAT',
      from: 'ann',
      session: 's1',
      id: 'a',
      seq: 17,
      proof: { high: 2 ** 32 - 1, low: 0 },
      ...times,
      key: keyOf('ann', 'a', hasher),
    },
    [],
  ],
  [{ verb: 'OPEN', to: 'bob' }, []],
  [{ verb: 'ACK', to: 'bob', seq: 17, ...times, messages: [] }, []],
  [{ verb: 'ACK', to: 'bob', seq: 17, ...times, messages: NOTICE_MESSAGES }, NOTICES],
  [{ verb: 'EXPIRE', to: 'bob', numbers: [1], ...times, messages: [] }, []],
  [
    { verb: 'EXPIRE', to: 'bob', numbers: [1, 2, 3, 8, 10, 11], ...times, messages: NOTICE_MESSAGES },
    NOTICES,
  ],
  [
    {
      verb: 'MOVE',
      to: 'bob',
      from: 'ann',
      session: 's1',
      numbers: [17, 19],
      ...times,
      messages: MESSAGES.slice(1),
    },
    FRAMES.slice(1),
  ],
  [{ verb: 'MOVE', to: 'ann', from: 'relay', numbers: [7, 9], ...times, messages: NOTICE_MESSAGES }, NOTICES],
  [{ verb: 'CLOCK', ...times }, []],
  [{ verb: 'EPOCH', ...times }, []],
  [{ verb: 'CLOSED', ...times }, []],
  [{ verb: 'LOST', ...times, parts: [], gone: [], messages: [] }, []],
  [
    {
      verb: 'LOST',
      ...times,
      parts: [
        { from: 0, to: 4096 },
        { from: 8192, to: 9000 },
      ],
      gone: [
        { to: 'bob', numbers: [1, 2, 3, 7] },
        { to: 'w-1', numbers: [2] },
      ],
      messages: [{ ...TOLD, size: 7 }],
    },
    [noticeFrame(TOLD, 'Sorry. ')],
  ],
];

test.each(EXAMPLES.map(([entry, frames]) => [entry.verb, entry, frames] as const))(
  'decoding %s gives what was encoded, with the same frames',
  (_verb, entry, frames) => {
    const decoded = decodeEntry(bytesOf(entry, frames), hasher);
    // A key without a value, and a missing list of messages, are the same as none; the id of a client's message stays in its frame.
    const messages =
      decoded.entry.verb === 'SEND' ? decoded.entry.messages.map((one) => ({ ...one, id: one.id })) : [];
    const plain = decoded.entry.verb === 'SEND' ? { ...decoded.entry, messages } : decoded.entry;
    expect(plain).toMatchObject(entry);
    expect(plain).toEqual({
      messages: [],
      ...entry,
      ...(entry.verb === 'REPEAT' && { messages: undefined }),
    });
    const found = framesIn(decoded.frames)?.slice(0, frames.length) ?? [];
    expect(found.map(({ raw }) => raw)).toEqual(frames);
    expect(
      bytesOf(
        decoded.entry,
        found.map(({ raw }) => raw),
      ),
    ).toEqual(bytesOf(entry, frames));
  },
);

test('the examples have every verb', () => {
  expect([...new Set(EXAMPLES.map(([{ verb }]) => verb))].sort()).toEqual(
    ['ACK', 'CLOCK', 'CLOSED', 'EPOCH', 'EXPIRE', 'LOST', 'MOVE', 'OPEN', 'REPEAT', 'SEND'].sort(),
  );
});

test('an id is found by the sender and the id; a repeat is recognised by recipient and body', () => {
  const message = sentMessage('ann', { id: 'a', to: 'bob' }, Buffer.from('x'), hasher);
  expect(message.key).toEqual(keyOf('ann', 'a', hasher));
  expect(message.key).not.toEqual(keyOf('ben', 'a', hasher));
  const proofOf = (to: string, body: string): unknown =>
    sentMessage('ann', { id: 'a', to }, Buffer.from(body), hasher).proof;
  expect(message.proof).toEqual(proofOf('bob', 'x'));
  expect(message.proof).not.toEqual(proofOf('carol', 'x'));
  expect(message.proof).not.toEqual(proofOf('bob', 'y'));
  // Another ttl or notify does not make it another message.
  const wishes = sentMessage('ann', { id: 'a', to: 'bob', ttl: 5, notify: 'ann' }, Buffer.from('x'), hasher);
  expect(wishes.proof).toEqual(message.proof);
});

/** A SEND run, or a MOVE of a client's message, with this frame. */
function around(verb: 'SEND' | 'MOVE', frame: Buffer): Buffer {
  const who = { from: 'ann', session: 's1', ...times };
  if (verb === 'SEND') return bytesOf({ verb, ...who, first: new Map([['bob', 5]]), messages: [] }, [frame]);
  return bytesOf({ verb, to: 'bob', ...who, numbers: [5], messages: [] }, [frame]);
}

test.each(['SEND', 'MOVE'] as const)(
  'kind=, tried= and seq= from a client have no meaning in a %s and do not make it unreadable',
  (verb) => {
    // The first are values that a notice could have. No notice has the others; a client may write what it likes.
    for (const keys of [
      'kind=receipt tried=yes seq=99',
      'kind=bounce tried=no',
      'kind=letter',
      'tried=perhaps',
      'seq=0',
      'seq=-1',
      'seq=x',
      'at=1 t=2 from=relay session=s9 first=bob:9 unheard=of',
    ]) {
      const frame = clientFrame(`id=a to=bob ${keys}`, 'x');
      const { entry } = decodeEntry(around(verb, frame), hasher);
      if (entry.verb !== verb) throw new Error(entry.verb);
      expect(entry.messages).toHaveLength(1);
      expect(entry.messages[0]).toMatchObject({ id: 'a', to: 'bob', size: 1 });
      for (const key of ['kind', 'tried', 'seq']) expect(entry.messages[0]).not.toHaveProperty(key);
      expect(entry).toMatchObject({ from: 'ann', session: 's1', ...times });
    }
  },
);

test('they have a meaning in messages of the relay: in an ACK, and in a MOVE without a session', () => {
  const ack = decodeEntry(
    bytesOf({ verb: 'ACK', to: 'bob', seq: 1, ...times, messages: [] }, NOTICES),
    hasher,
  );
  expect(ack.entry).toMatchObject({ messages: NOTICE_MESSAGES });
  const move = { verb: 'MOVE', to: 'ann', from: 'relay', numbers: [7, 8], ...times, messages: [] } as const;
  expect(decodeEntry(bytesOf(move, NOTICES), hasher).entry).toMatchObject({ messages: NOTICE_MESSAGES });
});

test('a frame is kept as it came, with other line ends and unknown keys', () => {
  const raw = Buffer.from('SEND to=bob id=a unheard=of size=3\r\nx\ny\r\n');
  const { entry, frames } = decodeEntry(around('SEND', raw), hasher);
  expect(frames).toEqual(raw);
  expect(entry).toMatchObject({
    messages: [sentMessage('ann', { id: 'a', to: 'bob' }, Buffer.from('x\ny'), hasher)],
  });
});

/** What the log cannot have, as it would look there. */
const UNREADABLE: readonly string[] = [
  '',
  '\n',
  'no frame at all',
  'OPEN to=bob',
  'OPEN to=bob\nOPEN to=bob\n',
  'OPEN to=bob\nrest',
  'OPEN\n',
  'OPEN to=Bob\n',
  'OPEN to=bob to=bob\n',
  'SHUT to=bob\n',
  'MESSAGE to=bob\n',
  'CLOCK at=1\n',
  'CLOCK at=1 t=-1\n',
  'CLOCK at=1 t=1000000000000000\n',
  'ACK to=bob seq=0 at=1 t=1\n',
  'ACK to=bob at=1 t=1\n',
  'ACK to=bob seq=1 at=1 t=1 size=3\nabc\n',
  'ACK to=bob seq=1 at=1 t=1 size=4\nabc\n',
  'ACK to=bob seq=1 at=1 t=1 size=20\nSEND to=ann size=0\n\n\n',
  'ACK to=bob seq=1 at=1 t=1 size=41\nSEND id=a to=ann seq=1 kind=letter size=0\n\n\n',
  'REPEAT from=ann session=s1 id=a seq=1 at=1 t=1\n',
  'REPEAT from=ann session=s1 id=a seq=1 proof=1 at=1 t=1\n',
  'REPEAT from=ann session=s1 id=a seq=1 proof=a.b at=1 t=1\n',
  'REPEAT from=ann session=s1 id=a seq=1 proof=1.4294967296 at=1 t=1\n',
  'REPEAT from=ann session=s1 id=a seq=1 proof=1.2.3 at=1 t=1\n',
  'SEND from=ann session=s1 first=bob at=1 t=1 size=22\nSEND id=a to=bob size=0\n\n\n',
  'SEND from=ann session=s1 first=bob:x at=1 t=1\n',
  'SEND from=ann session=s1 first=bob:0 at=1 t=1\n',
  'SEND from=ann session=s1 first=bob:1:2 at=1 t=1\n',
  'SEND from=ann session=s1 first=:1 at=1 t=1\n',
  'EXPIRE to=bob numbers=x at=1 t=1\n',
  'EXPIRE to=bob numbers=1,,2 at=1 t=1\n',
  'EXPIRE to=bob numbers=0 at=1 t=1\n',
  'EXPIRE to=bob numbers=5-3 at=1 t=1\n',
  'EXPIRE to=bob numbers=1-2-3 at=1 t=1\n',
  'EXPIRE to=bob numbers=1.5 at=1 t=1\n',
  'EXPIRE to=bob numbers=3,2 at=1 t=1\n',
  'EXPIRE to=bob numbers=1-999999999999999 at=1 t=1\n',
  'LOST at=1 t=1 size=12\nPART from=1\n\n',
  'LOST at=1 t=1 size=12\nGONE to=bob\n\n',
];

test.each(UNREADABLE)('%j is damage, not an entry', (text) => {
  expect(() => decodeEntry(Buffer.from(text), hasher)).toThrowError(
    expect.objectContaining({ code: 'damaged_journal' }),
  );
});

test('an entry with frames that it may not have is damage', () => {
  const open = encodeFrame('OPEN', [['to', 'bob']]);
  const wrong: [Entry, Buffer[]][] = [
    [{ verb: 'SEND', from: 'ann', session: 's1', first: new Map(), ...times, messages: [] }, [open]],
    [{ verb: 'ACK', to: 'bob', seq: 1, ...times, messages: [] }, [open]],
    // A notice of the relay without a number.
    [{ verb: 'ACK', to: 'bob', seq: 1, ...times, messages: [] }, [FRAMES[0] as Buffer]],
    // More numbers than messages, and fewer.
    [
      { verb: 'MOVE', to: 'bob', from: 'ann', session: 's1', numbers: [1, 2], ...times, messages: [] },
      FRAMES.slice(0, 1),
    ],
    [{ verb: 'MOVE', to: 'bob', from: 'ann', session: 's1', numbers: [1], ...times, messages: [] }, FRAMES],
  ];
  const passed = wrong.filter(([entry, frames]) => {
    try {
      decodeEntry(
        entry.verb === 'SEND'
          ? Buffer.concat([
              Buffer.from(`SEND from=ann session=s1 first=bob:1 at=1 t=1 size=${open.length}\n`),
              open,
              Buffer.from('\n'),
            ])
          : bytesOf(entry, frames),
        hasher,
      );
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'damaged_journal' });
      return false;
    }
  });
  expect(passed.map(([entry]) => entry)).toEqual([]);
});

test('consecutive numbers are written as ranges', () => {
  expect(numbersText([1])).toBe('1');
  expect(numbersText([1, 2, 3])).toBe('1-3');
  expect(numbersText([1, 3, 4, 5, 9, 1_000_000_001, 1_000_000_002])).toBe('1,3-5,9,1000000001-1000000002');
});

test('a thousand consecutive numbers make one short line', () => {
  const numbers = Array.from({ length: 2048 }, (_, index) => LARGEST - 3000 + index);
  const bytes = bytesOf({ verb: 'EXPIRE', to: LONG_NAME, numbers, at: LARGEST, t: LARGEST, messages: [] });
  expect(bytes.length).toBeLessThan(200);
  expect(decodeEntry(bytes, hasher).entry).toMatchObject({ numbers });
});

/** The length of the longest line of an entry, including its end. */
function longestLine(entry: Entry, frames: readonly Buffer[] = []): number {
  const bytes = bytesOf(entry, frames);
  expect(decodeEntry(bytes, hasher).entry).toMatchObject(entry);
  return Math.max(
    ...bytes
      .toString('latin1')
      .split('\n')
      .map(({ length }) => length + 1),
  );
}

test('with the largest values that a client can cause, no line is too long', () => {
  const who = { from: LONG_NAME, session: LONG_TOKEN };
  const largest = { at: LARGEST, t: LARGEST };
  const hash = { high: 2 ** 32 - 1, low: 2 ** 32 - 1 };
  const notice = {
    id: LONG_TOKEN,
    to: LONG_NAME,
    seq: LARGEST,
    ttl: MAX_TTL,
    notify: LONG_NAME,
    kind: 'receipt',
    tried: 'yes',
  } as const;
  const body = 'b'.repeat(600);
  const told = noticeFrame(notice, body);
  const messages = [{ ...notice, size: 600 }];
  // A run of 16 mailboxes with such names fits.
  const names = Array.from({ length: 16 }, (_, n) => `w-${String(n).padStart(30, '0')}`);
  const first = new Map(names.map((name) => [name, LARGEST]));
  const sent = names.map((to) =>
    encodeFrame('SEND', Object.entries({ id: LONG_TOKEN, to }), Buffer.from('x')),
  );
  // So do 30 numbers that are not consecutive.
  const numbers = Array.from({ length: 30 }, (_, index) => LARGEST - 2 * (30 - index));
  const lines: number[] = [
    longestLine(
      {
        verb: 'SEND',
        ...who,
        first,
        ...largest,
        messages: names.map((to) => sentMessage(LONG_NAME, { id: LONG_TOKEN, to }, Buffer.from('x'), hasher)),
      },
      sent,
    ),
    longestLine({
      verb: 'REPEAT',
      ...who,
      id: LONG_TOKEN,
      seq: LARGEST,
      proof: hash,
      ...largest,
      key: keyOf(LONG_NAME, LONG_TOKEN, hasher),
    }),
    longestLine({ verb: 'OPEN', to: LONG_NAME }),
    longestLine({ verb: 'ACK', to: LONG_NAME, seq: LARGEST, ...largest, messages }, [told]),
    longestLine({ verb: 'EXPIRE', to: LONG_NAME, numbers, ...largest, messages }, [told]),
    longestLine(
      {
        verb: 'MOVE',
        to: LONG_NAME,
        ...who,
        numbers,
        ...largest,
        messages: numbers.map(() => ({ id: LONG_TOKEN, to: LONG_NAME, size: 1 })),
      },
      numbers.map(() =>
        encodeFrame('SEND', Object.entries({ id: LONG_TOKEN, to: LONG_NAME }), Buffer.from('x')),
      ),
    ),
    longestLine({ verb: 'CLOCK', ...largest }),
    longestLine(
      {
        verb: 'LOST',
        ...largest,
        parts: [{ from: LARGEST - 1, to: LARGEST }],
        gone: [{ to: LONG_NAME, numbers }],
        messages,
      },
      [told],
    ),
  ];
  for (const length of lines) expect(length).toBeLessThanOrEqual(1024);
});

test('a line that would be too long is refused when it is written, not when it is read', () => {
  const numbers = Array.from({ length: 600 }, (_, index) => 2 * index + 1);
  expect(() => bytesOf({ verb: 'EXPIRE', to: 'bob', numbers, ...times, messages: [] })).toThrow(RangeError);
});
