// sender.py in alice's place. Whatever bob does to her, she may say DELIVERED or NOT DELIVERED only if it is certain.

import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bobListens, relayListens } from '../cli/talking.ts';
import { peer, tempDir } from '../harness.ts';
import { LEFT_OUT, listening, runExample } from './python.ts';

const READY = 'READY version=1 role=receiver as=bob max=1048576 window=1\n';

/** A bob who greets, and does something when the beginning of SEND has arrived. */
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
    // What it printed comes through another pipe than its answer.
    await expect.poll(() => bob.stdout).toBe('alice: grüße\\n\n');
  });

  type Row = readonly [to: string, why: RegExp];

  /** Everything that went wrong in these runs; empty if all is well. */
  async function wrong(
    verdict: string,
    code: number,
    rows: readonly Row[],
    ...more: string[]
  ): Promise<string[]> {
    const found = await Promise.all(rows.map(([to]) => send(to, ...more, 'hi')));
    return found.flatMap((run, at) =>
      run.code === code && run.stdout.startsWith(`${verdict}: `) && rows[at]?.[1].test(run.stdout)
        ? []
        : [`${rows[at]?.[1]}: ${run.code} ${run.stdout}${run.stderr}`],
    );
  }

  test('NOT DELIVERED: no byte of it was written', { tags: ['slow'] }, async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    expect(
      await wrong('NOT DELIVERED', 10, [
        ['127.0.0.1:1', /refused/],
        ['nowhere.invalid:4101', /Errno/],
        ['a..b:4101', /label/],
        [relay.place, /not a receiver/],
        [await peer((socket) => socket.end()), /FIN/],
        [await peer((socket) => socket.resetAndDestroy()), /reset/],
        [await peer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')), /malformed/],
        [await peer((socket) => socket.write(READY.replace('version=1', 'version=2'))), /newer detour/],
        [
          await peer((socket) => socket.write(READY.replace('max=1048576', 'max=1'))),
          /larger than bob takes/,
        ],
        [await peer((socket) => socket.write('RECEIVED id=1\n')), /came before READY/],
        [
          await peer((socket) => socket.write('ERROR code=too_many size=4\n\x1b[2J\n')),
          /too_many: \\x1b\[2J\n$/,
        ],
      ]),
    ).toEqual([]);
  });

  test('NOT DELIVERED: bob answered so', { tags: ['slow'] }, async () => {
    expect(
      await wrong('NOT DELIVERED', 10, [
        [
          await greets((socket, id) => socket.write(`REFUSED id=${id} code=x size=4\nnope\n`)),
          /code=x: nope\n$/,
        ],
        [await greets((socket) => socket.end('BYE\n')), /bob said BYE/],
      ]),
    ).toEqual([]);
  });

  test('UNKNOWN: it was written, and there is no answer', { tags: ['slow'] }, async () => {
    const killed = await bobListens('--work', '10m');
    void killed.until(/alice: hi/).then(() => killed.type('kill'));
    expect(
      await wrong('UNKNOWN', 20, [
        [killed.place, /FIN/],
        [await greets((socket) => socket.end()), /FIN/],
        [await greets((socket) => socket.resetAndDestroy()), /Connection reset|Broken pipe/],
        [await greets((socket) => socket.write('Goodbye\n')), /malformed/],
        [await greets((socket) => socket.write('ERROR code=failed size=2\nno\n')), /failed: no\n$/],
        [await greets((socket) => socket.write('STORED id=1 seq=1 present=no\n')), /wrong_verb/],
      ]),
    ).toEqual([]);
  });

  test('silence: UNKNOWN once it was written, and NOT DELIVERED before', { tags: ['slow'] }, async () => {
    const bob = await bobListens('--work', '10m');
    const sent = wrong('UNKNOWN', 20, [[bob.place, /too late/]], '--timeout', '4');
    await bob.until(/alice: hi/);
    bob.type('freeze 10m');
    await bob.until(/frozen for/);
    const mute = await greets(() => {});
    const other = await greets((socket) => socket.write('RECEIVED id=1\nREFUSED id=1 code=x size=0\n\n'));
    // Signs of life do not replace READY.
    const talks = await peer((socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write('PONG\n'.repeat(10_000)));
      };
      socket.on('drain', more);
      more();
    });
    const late = ['--timeout', '4'];
    const found = await Promise.all([
      sent,
      wrong(
        'UNKNOWN',
        20,
        [
          [mute, /too late/],
          [other, /too late/],
        ],
        ...late,
      ),
      wrong(
        'NOT DELIVERED',
        10,
        [
          [bob.place, /too late/],
          [talks, /too late/],
        ],
        ...late,
      ),
    ]);
    expect(found.flat()).toEqual([]);
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
    expect((await send(bob)).stdout).toBe("DELIVERED: bob's program has shown it: thanks\n");
  });

  test('takes its defaults from the environment, and says what makes no sense', {
    tags: ['slow'],
  }, async () => {
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
    // What it printed comes through another pipe than its answer.
    await expect.poll(() => bob.stdout).toBe('dave: hi\nalice: hi\n');
  });
});
