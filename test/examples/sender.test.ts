// sender.py in alice's place. Whatever bob does to her, she may say DELIVERED or NOT DELIVERED only if it is certain.

import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bobListens, relayListens } from '../cli/talking.ts';
import { peer, tempDir } from '../harness.ts';
import { LEFT_OUT, listening, runExample } from './python.ts';

const READY = 'READY version=1 role=receiver as=bob max=1048576 window=1\n';

/** A bob who greets, and does something when he has the beginning of SEND. */
const greets = (then: (socket: Socket, id: string) => void) =>
  peer((socket) => {
    socket.write(READY);
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      const [, id] = /^SEND id=(\S+)/m.exec(heard) ?? [];
      if (id === undefined) return;
      heard = '';
      then(socket, id);
    });
  });

describe.skipIf(LEFT_OUT)(`sender.py${LEFT_OUT}`, () => {
  const send = (to: string, ...more: string[]) =>
    runExample('sender', ['--to', to, ...(more.length > 0 ? more : ['hi'])]);

  test('DELIVERED: bob has shown it, whatever it is', async () => {
    const bob = await bobListens();
    const large = Buffer.alloc(1024 * 1024, 'x');
    const runs = await Promise.all([
      send(bob.place, '--as', 'carol', 'hello', 'bob'),
      send(bob.place, ''),
      runExample('sender', ['--to', bob.place], Buffer.from([0, 0xff, 0x41])),
      runExample('sender', ['--to', bob.place], large),
    ]);
    expect(runs.map(({ code, stdout }) => [code, stdout.slice(0, 10)])).toEqual(
      runs.map(() => [0, 'DELIVERED:']),
    );
    const shown = ['', 'alice: ', 'alice: \\x00\\xffA', `alice: ${large}`, 'carol: hello bob'];
    expect(bob.stdout.split('\n').sort()).toEqual(shown.sort());
    // She leaves politely.
    expect(bob.stderr).not.toMatch(/failed|ECONNRESET|EPIPE/);
  });

  test('DELIVERED by the python bob, too', async () => {
    const bob = await listening('receiver');
    expect(await send(bob.place, 'grüße\n')).toMatchObject({ code: 0 });
    expect(bob.stdout).toBe('alice: grüße\\n\n');
  });

  test('NOT DELIVERED: no byte of it was written', async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    const endless = peer((socket) => {
      const bytes = Buffer.from('PONG\n'.repeat(10_000));
      const more = (): void => {
        while (!socket.destroyed && socket.write(bytes));
      };
      socket.on('drain', more);
      more();
    });
    const runs: readonly (readonly [to: string, why: RegExp])[] = [
      ['127.0.0.1:1', /refused/],
      ['nowhere.invalid:4101', /gaierror/],
      [relay.place, /not a receiver/],
      [await peer((socket) => socket.end()), /FIN/],
      [await peer((socket) => socket.resetAndDestroy()), /reset/i],
      [await peer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')), /malformed/],
      [await peer((socket) => socket.write(READY.replace('version=1', 'version=2'))), /newer detour/],
      [await peer((socket) => socket.write(READY.replace('max=1048576', 'max=1'))), /larger than bob takes/],
      [await peer((socket) => socket.write('RECEIVED id=1\n')), /came before READY/],
      [await peer((socket) => socket.write('ERROR code=too_many size=4\n\x1b[2J\n')), /too_many: \\+x1b\[2J/],
      // A kernel that takes the connection, and a program that never comes to the point.
      [await peer(() => {}), /too late/],
      [await endless, /too late/],
    ];
    const found = await Promise.all(runs.map(([to]) => send(to, '--timeout', '4', 'hi')));
    expect(found.map(({ code, stdout }, at) => [code, runs[at]?.[1].test(stdout) || stdout])).toEqual(
      runs.map(() => [10, true]),
    );
    expect(found.map(({ stdout }) => stdout).join('')).toMatch(/^(NOT DELIVERED: .*\n){12}$/);
  });

  test('NOT DELIVERED: bob answered so', async () => {
    const refuses = await greets((socket, id) => socket.write(`REFUSED id=${id} code=x size=4\nnope\n`));
    const leaves = await greets((socket) => socket.end('BYE\n'));
    const found = await Promise.all([send(refuses), send(leaves)]);
    expect(found).toMatchObject([
      { code: 10, stdout: 'NOT DELIVERED: bob refused it, code=x: nope\n' },
      { code: 10, stdout: expect.stringMatching(/^NOT DELIVERED: bob said BYE/) },
    ]);
  });

  test('UNKNOWN: it was written, and there is no answer', async () => {
    const runs: readonly (readonly [to: string, why: RegExp])[] = [
      [await greets((socket) => socket.end()), /FIN/],
      [await greets((socket) => socket.resetAndDestroy()), /ConnectionReset|BrokenPipe/],
      [await greets((socket) => socket.write('Goodbye\n')), /malformed/],
      [await greets((socket) => socket.write('ERROR code=failed size=2\nno\n')), /failed/],
      [await greets((socket) => socket.write('STORED id=1 seq=1 present=no\n')), /wrong_verb/],
      [
        await greets((socket) => socket.write('RECEIVED id=other\nREFUSED id=other code=x size=0\n\n')),
        /too late/,
      ],
      [await greets(() => {}), /too late/],
    ];
    const found = await Promise.all(runs.map(([to]) => send(to, '--timeout', '4', 'hi')));
    expect(found.map(({ code, stdout }, at) => [code, runs[at]?.[1].test(stdout) || stdout])).toEqual(
      runs.map(() => [20, true]),
    );
    expect(found.map(({ stdout }) => stdout).join('')).toMatch(/^(UNKNOWN: .*\n){7}$/);
  });

  test('UNKNOWN: bob is killed, or frozen, after he has shown it', async () => {
    const [killed, frozen] = [await bobListens('--work', '10m'), await bobListens('--work', '10m')];
    const found = Promise.all([send(killed.place), send(frozen.place, '--timeout', '4', 'hi')]);
    await Promise.all([killed.until(/alice: hi/), frozen.until(/alice: hi/)]);
    killed.type('kill');
    frozen.type('freeze 10m');
    expect((await found).map(({ code, stdout }) => [code, stdout.slice(0, 8)])).toEqual([
      [20, 'UNKNOWN:'],
      [20, 'UNKNOWN:'],
    ]);
    // Nobody listens there now, and the frozen one's kernel takes the connection.
    const later = await Promise.all([send(killed.place), send(frozen.place, '--timeout', '1', 'hi')]);
    expect(later.map(({ code }) => code)).toEqual([10, 10]);
  });

  test('waits for its answer: PING is answered meanwhile, and the answer may come in pieces', async () => {
    let heard = '';
    const bob = await greets((socket, id) => {
      socket.write('PING\n');
      socket.on('data', (bytes) => {
        heard += bytes.toString('latin1');
        if (!heard.includes('PONG')) return;
        heard = '';
        socket.write('PONG\nRECEIVED new=key ');
        setImmediate(() => socket.write(`id=${id} size=6\r\nthanks\r`));
        setImmediate(() => setImmediate(() => socket.write('\nBYE\n')));
      });
    });
    expect(await send(bob)).toMatchObject({ code: 0 });
  });

  test('takes its defaults from the environment, and says what makes no sense', async () => {
    const wrong = [
      ['--to', 'here'],
      ['--to', '127.0.0.1:0'],
      ['--as', 'Alice'],
      ['--timeout', 'long'],
    ];
    const found = await Promise.all(wrong.map((args) => runExample('sender', [...args, 'hi'])));
    for (const { code, stdout, stderr } of found) {
      expect([code === 0, stdout]).toEqual([false, '']);
      expect(stderr).toMatch(/is not HOST:PORT|is not a name|invalid float value: 'long'/);
    }
    const bob = await listening('receiver');
    const env = { DETOUR_TO: bob.place, DETOUR_AS: 'dave' };
    expect(await runExample('sender', ['hi'], '', env)).toMatchObject({ code: 0 });
    expect(await runExample('sender', ['hi'], '', { DETOUR_PORT: `${bob.port}` })).toMatchObject({ code: 0 });
    expect(bob.stdout).toBe('dave: hi\nalice: hi\n');
  });
});
