// receiver.py in bob's place: detour's own alice sends to it, and so does somebody who types bytes.

import { describe, expect, test } from 'vitest';
import { RawClient, runCli } from '../harness.ts';
import { example, LEFT_OUT, listening, runExample } from './python.ts';

const MIB = 1024 * 1024;

describe.skipIf(LEFT_OUT)(`receiver.py${LEFT_OUT}`, () => {
  async function greeted(port: number, name = 'alice'): Promise<RawClient> {
    const client = await RawClient.connect(port);
    expect(await client.next()).toEqual([
      `READY version=1 role=receiver as=bob max=${MIB} window=1`,
      undefined,
    ]);
    client.type(`HELLO version=1 as=${name}\n`);
    return client;
  }

  test('takes what alice sends, from several at once: one message, several, an empty one, any bytes, 1 MiB', async () => {
    const bob = await listening('receiver');
    const send = (args: string[], input: string | Buffer = '') =>
      runCli(['sync', 'send', '--to', bob.place, ...args], { input });
    const large = Buffer.alloc(MIB, 'x');
    const runs = await Promise.all([
      send(['--count', '3', 'hello', 'bob']),
      send(['']),
      send(['-'], Buffer.from([0, 0x0a, 0xff, 0x1b, 0x41])),
      send(['-'], large),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(bob.stdout.split('\n').sort()).toEqual(
      [
        '',
        ...Array(3).fill('alice: hello bob'),
        'alice: ',
        'alice: \\x00\\n\\xff\\x1bA',
        `alice: ${large}`,
      ].sort(),
    );
  });

  test('answers whom it has time for: PING at any time, two senders at once, a frame in pieces', async () => {
    const bob = await listening('receiver');
    const alice = await greeted(bob.port);
    alice.type('PING\n');
    expect(await alice.next()).toEqual(['PONG', undefined]);
    alice.type('SEND id=1 size=5\r\nhe');
    // alice is in the middle of a message.
    const carol = await greeted(bob.port, 'carol');
    carol.type('PONG\nSEND to=bob size=2 id=1 new=key\nhi\nPING\n');
    expect(await carol.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(await carol.next()).toEqual(['PONG', undefined]);
    for (const byte of 'llo\r\n') alice.type(byte);
    expect(await alice.next()).toEqual(['RECEIVED id=1', undefined]);
    // What it printed comes through another pipe than its answer.
    await expect.poll(() => bob.stdout).toBe('carol: hi\nalice: hello\n');
    alice.type('SEND id=2 size=1\na\nBYE\n');
    expect(await alice.next()).toEqual(['RECEIVED id=2', undefined]);
    expect(await alice.next()).toEqual(['BYE', undefined]);
    await alice.end();
    // A FIN is not a BYE, but what came before it is answered.
    carol.type('SEND id=2 size=1\nc\n');
    carol.socket.end('SEND id=3 size=9\nhalf');
    expect(await carol.next()).toEqual(['RECEIVED id=2', undefined]);
    await carol.end();
    expect(carol.frames.at(-1)?.verb).toBe('RECEIVED');
    const dave = await greeted(bob.port, 'dave');
    dave.socket.end('PING\nSEN');
    await dave.end();
    expect(dave.frames.at(-1)?.verb).toBe('PONG');
  });

  test('refuses what is not for it, and the connection goes on', async () => {
    const bob = await listening('receiver');
    const client = await greeted(bob.port);
    for (const [bytes, code] of [
      ['SEND id=1 to=carol size=2\nhi\n', 'wrong_name'],
      ['SEND id=1 ttl=60 size=2\nhi\n', 'unsupported'],
      ['SEND id=1 notify=alice size=2\nhi\n', 'unsupported'],
      ['SEND id=1 to=BOB size=2\nhi\n', 'bad_value'],
      ['SEND id=1\n', 'bad_value'],
      [`SEND id=1 size=${MIB + 1}\n${'x'.repeat(MIB + 1)}\n`, 'too_large'],
    ] as const) {
      client.type(bytes);
      const [line, sentence] = await client.next();
      expect(line).toBe(`REFUSED id=1 code=${code} size=${sentence?.length}`);
    }
    client.type('SEND id=2 size=2\nhi\n');
    expect(await client.next()).toEqual(['RECEIVED id=2', undefined]);
    // What it printed comes through another pipe than its answer.
    await expect.poll(() => bob.stdout).toBe('alice: hi\n');
  });

  test('answers ERROR to what it cannot go on with, and closes', async () => {
    const bob = await listening('receiver');
    const wrong: string[] = [];
    for (const [bytes, code] of [
      ['SEND id=1 size=2\nhi\n', 'no_hello'],
      ['HELLO version=2\n', 'version'],
      ['HELLO version=1\n', 'bad_value'],
      ['HELLO version=0 as=alice\n', 'bad_value'],
      ['HELLO version=1 as=ALICE\n', 'bad_value'],
      ['STATUS\n', 'wrong_verb'],
      ['NONSENSE\n', 'unknown_verb'],
      ['PING size=1048577\n', 'too_large'],
      ['GET / HTTP/1.1\r\n\r\n', 'malformed'],
      ['\n', 'malformed'],
      ['PING  a=b\n', 'malformed'],
      ['PING a=b a=c\n', 'malformed'],
      ['PING size=01\n', 'malformed'],
      ['PING size=1\nab\n', 'malformed'],
      [`PING a=${'x'.repeat(1100)}`, 'malformed'],
      ['HELLO version=1 as=alice\nHELLO version=1 as=alice\n', 'wrong_verb'],
      ['HELLO version=1 as=alice\nRECEIVE window=1\n', 'wrong_verb'],
      ['HELLO version=1 as=alice\nREADY\n', 'wrong_verb'],
      ['HELLO version=1 as=alice\nSEND size=2\nhi\n', 'bad_value'],
      ['HELLO version=1 as=alice\nSEND id=/ size=2\nhi\n', 'bad_value'],
      [`HELLO version=1 as=alice\nSEND id=1 size=${16 * MIB + 1}\n`, 'too_large'],
    ] as const) {
      const client = await RawClient.connect(bob.port);
      await client.next();
      // The bytes after it are unread when the server closes. The answer arrives all the same.
      client.type(`${bytes}${'x'.repeat(100_000)}`);
      const [line, sentence] = await client.next();
      if (line !== `ERROR code=${code} size=${sentence?.length}`)
        wrong.push(`${JSON.stringify(bytes)}: ${line}`);
      await client.end();
      if (!client.finished) wrong.push(`${JSON.stringify(bytes)}: no FIN`);
      client.socket.end();
    }
    expect(wrong).toEqual([]);
    expect(bob.stdout + bob.stderr).not.toMatch(/Traceback|alice: /);
  });

  test('killed after it has shown a message and before it answers: UNKNOWN', async () => {
    const bob = await listening('receiver', '--work', '600');
    const sent = runCli(['sync', 'send', '--to', bob.place, 'important']);
    await bob.until(/alice: important/);
    await bob.kill();
    expect(await sent).toMatchObject({ code: 20, stderr: expect.stringContaining('UNKNOWN') });
    expect((await runCli(['sync', 'send', '--to', bob.place, 'hi'])).code).toBe(10);
  });

  test.skipIf(process.platform === 'win32')(
    'frozen: before READY it is NOT DELIVERED, after SEND it is UNKNOWN',
    { tags: ['slow'] },
    async () => {
      const bob = await listening('receiver', '--work', '600');
      const sent = runCli(['sync', 'send', '--to', bob.place, '--timeout', '4s', 'hi']);
      await bob.until(/alice: hi/);
      bob.child.kill('SIGSTOP');
      const late = runCli(['sync', 'send', '--to', bob.place, '--timeout', '1s', 'hi']);
      expect([(await sent).code, (await late).code]).toEqual([20, 10]);
    },
  );

  test('what it cannot show it does not call received', async () => {
    const bob = await listening('receiver');
    bob.child.stdout?.destroy();
    const client = await greeted(bob.port);
    client.type('SEND id=1 size=2\nhi\n');
    const [line, sentence] = await client.next();
    expect(line).toBe(`ERROR code=failed size=${sentence?.length}`);
    expect((await runCli(['sync', 'send', '--to', bob.place, 'hi'])).code).toBe(20);
  });

  test('takes its defaults from the environment, and says in one sentence why it cannot start', {
    tags: ['slow'],
  }, async () => {
    const carol = example('receiver', [], { DETOUR_PORT: '0', DETOUR_HOST: '127.0.0.1', DETOUR_AS: 'carol' });
    const [, port = ''] = await carol.until(/^carol listens on 127\.0\.0\.1:(\d+)\n/);
    const wrong = [
      ['--port', port],
      ['--port', '70000'],
      ['--as', 'Bob'],
      ['--host', 'nowhere.invalid'],
    ];
    for (const { code, stderr } of await Promise.all(wrong.map((args) => runExample('receiver', args)))) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\S+ (cannot listen on .*|is not a name: .*)\n$/);
    }
  });
});
