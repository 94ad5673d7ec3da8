// A beginner's own server, as it is on its first day: something comes from it, and it is not quite the answer. What came is said, never "no
// answer"; and the verdict stays what it was.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ALL } from '../cases.ts';
import { runCli, tempDir } from '../harness.ts';

/** A server that greets, and answers the first SEND. In the answer, ID is the id of that SEND. @param hangUp sends FIN behind what it says */
async function beginner(greeting: string, answer: string, hangUp: boolean): Promise<number> {
  const server = createServer((socket) => {
    let heard = '';
    let answered = false;
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.write(greeting, 'latin1');
    if (hangUp && answer === '') socket.end();
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      const [, id] = /^SEND id=(\S+).*\n/m.exec(heard) ?? [];
      if (id === undefined || answered || answer === '') return;
      answered = true;
      socket.write(answer.replaceAll('ID', id), 'latin1');
      if (hangUp) socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Case {
  readonly mode?: 'async';
  readonly greeting?: string;
  readonly answer: string;
  readonly hangUp?: true;
  readonly exit: 10 | 20;
  readonly code: string;
  /** On the wire, with the lines joined. */
  readonly says: RegExp;
}

const BOB = 'READY version=1 role=receiver as=bob max=1048576 window=1\n';
const RELAY = 'READY version=1 role=relay as=relay max=1048576 window=256 store=t\n';

const CASES: Readonly<Record<string, Case>> = {
  'READY without a line end': {
    greeting: BOB.trimEnd(),
    answer: '',
    exit: 10,
    code: 'unfinished',
    says: /began a frame and did not end it: 57 bytes came without a line end: `READY version=1 role=receiver as=bob max=1048576 window=1` so a program is there/,
  },
  'READY without a line end, then FIN': {
    greeting: BOB.trimEnd(),
    answer: '',
    hangUp: true,
    exit: 10,
    code: 'unfinished',
    says: /57 bytes came without a line end: `READY [^`]+`, then FIN so /,
  },
  'RECEIVED without a line end': {
    answer: 'RECEIVED id=1',
    exit: 20,
    code: 'unfinished',
    says: /13 bytes came without a line end: `RECEIVED id=1` so nothing: a frame that is not complete has no effect not so/,
  },
  'RECEIVED without a line end, then FIN': {
    answer: 'RECEIVED id=1',
    hangUp: true,
    exit: 20,
    code: 'unfinished',
    says: /13 bytes came without a line end: `RECEIVED id=1`, then FIN so /,
  },
  'a reply whose body is cut short': {
    answer: 'RECEIVED id=1 size=6\nthan',
    exit: 20,
    code: 'unfinished',
    says: /`RECEIVED id=1 size=6` came with 4 of the 6 bytes of its body so /,
  },
  'a reply without the newline after it': {
    answer: 'RECEIVED id=1 size=6\r\nthanks',
    hangUp: true,
    exit: 20,
    code: 'unfinished',
    says: /`RECEIVED id=1 size=6` came with its whole body, but no line end after the body, then FIN so /,
  },
  'RECEIVED for another id': {
    answer: 'RECEIVED id=1\n',
    exit: 20,
    code: 'wrong_answer',
    says: /answered, but not this message: RECEIVED came for the id 1, and this message has the id \S+-1 so nothing/,
  },
  'RECEIVED for another id, then FIN': {
    answer: 'RECEIVED id=1\n',
    hangUp: true,
    exit: 20,
    code: 'wrong_answer',
    says: /RECEIVED came for the id 1, and this message has the id \S+-1 so nothing/,
  },
  'the answer of a relay': {
    answer: 'STORED id=ID seq=1 present=no\n',
    exit: 20,
    code: 'wrong_answer',
    says: /STORED came, and a message is answered by RECEIVED or REFUSED here so /,
  },
  'async: STORED for another id': {
    mode: 'async',
    greeting: RELAY,
    answer: 'STORED id=1 seq=1 present=no\n',
    exit: 20,
    code: 'wrong_answer',
    says: /STORED came for the id 1, and this message has the id \S+-1/,
  },
  'async: STORED without a line end': {
    mode: 'async',
    greeting: RELAY,
    answer: 'STORED id=ID seq=1 present=no',
    exit: 20,
    code: 'unfinished',
    says: /bytes came without a line end: `STORED id=\S+-1 seq=1 present=no`/,
  },
  'a long line, of which 80 bytes are shown, and nothing in it moves the terminal': {
    answer: `RECEIVED \x1b[2J\xff${'x'.repeat(900)}`,
    exit: 20,
    code: 'unfinished',
    says: /914 bytes came without a line end: `RECEIVED \\x1b\[2J\\xffx{66}\.\.\.` so /,
  },
};

// The others wait for a deadline.
test.each(Object.entries(CASES).filter(([, { hangUp }]) => ALL || hangUp))(
  '%s',
  async (_, { mode = 'sync', greeting = BOB, answer, hangUp, ...expected }) => {
    const port = await beginner(greeting, answer, hangUp === true);
    const log = join(tempDir(), 'alice.log');
    const to = [mode === 'sync' ? '--to' : '--relay', `127.0.0.1:${port}`];
    const run = await runCli([mode, 'send', ...to, '--timeout', '1s', '--log', log, 'hello']);
    const text = run.stderr.replaceAll(/\s+/g, ' ');
    expect(run.code, run.stderr).toBe(expected.exit);
    expect(text).toMatch(expected.says);
    expect(text).not.toMatch(/no answer|did not show itself/);
    const events = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.at(-1)).toMatchObject({ event: 'verdict', code: expected.code, exit: expected.exit });
    const unfinished = events.filter(({ event }) => event === 'unfinished');
    expect(unfinished.length > 0).toBe(expected.code === 'unfinished');
    for (const { bytes, start } of unfinished) {
      expect(bytes).toBeGreaterThan(0);
      expect(start).toMatch(/^[\x20-\x7e]{1,320}$/);
    }
  },
);

test('half a line that stands still is told as what it is, not as another protocol', {
  tags: ['slow'],
}, async () => {
  const port = await beginner(BOB.trimEnd(), '', false);
  const { code, stderr } = await runCli([
    'sync',
    'send',
    '--to',
    `127.0.0.1:${port}`,
    '--timeout',
    '2s',
    'hello',
  ]);
  expect(code).toBe(10);
  expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
    /57 bytes came without a line end: `READY [^`]+` so a program is there/,
  );
});
