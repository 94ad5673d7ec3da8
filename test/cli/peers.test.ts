// The other side is not what was expected: a web server, silence, noise, a peer that never stops talking, a newer detour, the wrong server.
// For every command that connects: a clear account, the exit code of its verdict, and an end within the deadline.

import type { Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peer, runCli, start, tempDir } from '../harness.ts';
import { judge, type Run, wrongOf } from './several.ts';

// Goes on as fast as it is read.
function endlessly(text: string): (socket: Socket) => void {
  const bytes = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)));
  return (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on('drain', more);
    more();
  };
}

const http = (socket: Socket): void => {
  socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
};
const READY = (role: string, more = ''): string =>
  `READY version=1 role=${role} as=${role === 'relay' ? 'relay' : 'bob'} max=1048576 window=1 store=s${more}\n`;

// The sender knows for certain that nothing was sent.
const CERTAIN = 10;

/** All commands that connect, with the same address. */
function calls(place: string, says: RegExp, role?: 'receiver' | 'relay'): Run[] {
  const sends = { code: CERTAIN, says: new RegExp(`NOT DELIVERED, for certain\\. .*${says.source}`) };
  const sync = { args: ['sync', 'send', '--timeout', '2s', '--to', place, 'hi'], ...sends };
  const asks = ['--relay', place, '--timeout', '2s'];
  return [
    ...(role === 'relay' ? [] : [sync]),
    ...(role === 'receiver'
      ? []
      : [
          { args: ['async', 'send', ...asks, 'hi'], ...sends },
          { args: ['async', 'receive', ...asks], code: 1, says },
          { args: ['async', 'status', ...asks], code: 1, says },
        ]),
  ];
}

test('a web server', async () => {
  expect(await wrongOf(calls(await peer(http), /sent bytes that are not detour\/1/))).toEqual([]);
});

test('a web server that speaks first', { tags: ['slow'] }, async () => {
  const place = await peer((socket) => socket.write('220 mail.example ESMTP\r\n'));
  expect(await wrongOf(calls(place, /sent bytes that are not detour\/1/))).toEqual([]);
});

test('a kernel that accepts the connection, and no program', { tags: ['slow'] }, async () => {
  expect(await wrongOf(calls(await peer(() => {}), /but no READY in time/))).toEqual([]);
});

test('noise', { tags: ['slow'] }, async () => {
  const place = await peer((socket) => {
    socket.write(Buffer.from([0, 255, 27, 93, 48, 59, 120, 7, 10, 13, 10]));
  });
  expect(await wrongOf(calls(place, /sent bytes that are not detour\/1/))).toEqual([]);
});

test('an endless line, and endless lines', { tags: ['slow'] }, async () => {
  const says = /sent bytes that are not detour\/1/;
  expect(await wrongOf(calls(await peer(endlessly('x')), says))).toEqual([]);
  expect(await wrongOf(calls(await peer(endlessly('PONG x=1\nMAILBOX\n')), says))).toEqual([]);
});

test('a peer that sends something but never greets', { tags: ['slow'] }, async () => {
  const place = await peer((socket) => {
    const timer = setInterval(() => socket.write('PONG\n'), 100);
    socket.on('close', () => clearInterval(timer));
  });
  expect(await wrongOf(calls(place, /but no READY in time/))).toEqual([]);
});

test('a peer that closes, with FIN and with RST', { tags: ['slow'] }, async () => {
  expect(await wrongOf(calls(await peer((socket) => socket.end()), /closed.*FIN/))).toEqual([]);
  const reset = await peer((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  expect(await wrongOf(calls(reset, /ECONNRESET/))).toEqual([]);
});

test('a newer detour', { tags: ['slow'] }, async () => {
  for (const role of ['receiver', 'relay'] as const) {
    const place = await peer((socket) => socket.write(READY(role).replace('version=1', 'version=2')));
    expect(await wrongOf(calls(place, /version/, role))).toEqual([]);
  }
});

test('the wrong server', { tags: ['slow'] }, async () => {
  const dir = tempDir();
  const receiver = start(['sync', 'receive', '--port', '0']);
  const relay = start(['async', 'relay', '--port', '0', '--journal', join(dir, 'journal')]);
  const says = /with the other role.*call a receiver with detour sync send, a relay with detour async send/;
  const doors = [
    ...calls(`127.0.0.1:${(await receiver.until('listening')).port}`, says, 'relay'),
    ...calls(`127.0.0.1:${(await relay.until('listening')).port}`, says, 'receiver'),
  ];
  expect(doors).toHaveLength(4);
  expect(await wrongOf(doors)).toEqual([]);
});

test('nobody listens', async () => {
  expect(await wrongOf(calls('127.0.0.1:1', /refused the connection \(ECONNREFUSED/))).toEqual([]);
  expect(await wrongOf(calls('nowhere.invalid:4100', /nowhere\.invalid/))).toEqual([]);
});

test('a peer that greets and then falls silent, closes or talks nonsense: nobody knows', {
  tags: ['slow'],
}, async () => {
  const after = (role: string, reply: (socket: Socket) => void): Promise<string> =>
    peer((socket) => {
      socket.write(READY(role));
      let heard = '';
      socket.on('data', (bytes) => {
        heard += bytes.toString('latin1');
        if (heard.includes('SEND ')) reply(socket);
      });
    });
  const runs: Run[] = [];
  for (const [reply, why] of [
    [() => {}, /no answer from .* in time/],
    [(socket: Socket) => socket.end(), /FIN/],
    [
      (socket: Socket) => socket.end('Goodbye\n'),
      /broke the rules of detour\/1, and we hung up: the line does not begin with a verb/,
    ],
    [
      (socket: Socket) => socket.write('RECEIVED id=other\nSTORED id=other seq=1 present=no\n'),
      /answered, but not this message: RECEIVED came/,
    ],
    [(socket: Socket) => socket.write('ERROR code=failed size=4\nno \x1b\n'), /failed/],
  ] as const) {
    const says = new RegExp(`UNKNOWN: .* may have it, or not\\. .*${why.source}`);
    const message = ['--timeout', '2s', 'hi'];
    runs.push({
      args: ['sync', 'send', '--to', await after('receiver', reply), ...message],
      code: 20,
      says,
    });
    runs.push({
      args: ['async', 'send', '--relay', await after('relay', reply), ...message],
      code: 20,
      says: new RegExp(`${says.source}.* try detour async send --id [\\w-]+ --relay .* "hi" \\(the same id`),
    });
  }
  expect(await wrongOf(runs)).toEqual([]);
});

test('what a hostile peer says is shown in visible characters', { tags: ['slow'] }, async () => {
  const place = await peer((socket) =>
    socket.write(`${READY('relay')}ERROR code=busy size=13\n\x1b]0;owned\x07\u202e\n`),
  );
  const shown = /answered ERROR code=busy: \\x1b\]0;owned\\x07\\u\{202e\}/;
  const found = await runCli(['async', 'send', '--relay', place, '--timeout', '1s', 'hi']);
  expect(judge({ code: 20, says: shown }, found)).toEqual([]);
  const collected = await runCli(['async', 'receive', '--relay', place]);
  expect(judge({ code: 1, says: shown }, collected)).toEqual([]);
  // No control characters except line feeds.
  expect([...found.stderr, ...collected.stderr].filter((one) => one < ' ' && one !== '\n')).toEqual([]);
});

test('status gives up on a relay that greets and never answers', { tags: ['slow'] }, async () => {
  const place = await peer((socket) => socket.write(READY('relay')));
  const says = /No status: no relay answered\. .*no answer from .* in time/;
  expect(
    await wrongOf([{ args: ['async', 'status', '--relay', place, '--timeout', '1s'], code: 1, says }]),
  ).toEqual([]);
});

test.each([
  ['BYE\n', false],
  ['', true],
])(
  'a receiver says whether the relay has confirmed the last acknowledgement, by BYE (%j)',
  async (answer, doubtful) => {
    const place = await peer((socket) => {
      socket.write(READY('relay'));
      let heard = '';
      socket.on('data', (bytes) => {
        if (/RECEIVE/.test(`${bytes}`))
          socket.write('MESSAGE seq=1 id=1 from=alice at=1 held=1 attempt=1 size=2\nhi\n');
        heard += bytes;
        if (/BYE/.test(heard)) socket.end(answer);
      });
    });
    const found = await runCli(['async', 'receive', '--relay', place, '--count', '1']);
    expect(found).toMatchObject({ code: 0, stdout: 'alice: hi\n' });
    expect(/may come again/.test(found.stderr)).toBe(doubtful);
  },
);
