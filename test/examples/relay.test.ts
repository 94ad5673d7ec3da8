// relay.py between detour's own alice and bob, collector.py at detour's own relay, and both together.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bobListens, relayListens } from '../cli/talking.ts';
import { peer, RawClient, runCli, talk, tempDir } from '../harness.ts';
import { example, LEFT_OUT, listening, runExample } from './python.ts';

const send = (place: string, ...more: string[]) => runCli(['async', 'send', '--relay', place, ...more]);

describe.skipIf(LEFT_OUT)(`relay.py${LEFT_OUT}`, () => {
  async function greeted(port: number, name: string): Promise<RawClient> {
    const client = await RawClient.connect(port);
    const [ready] = await client.next();
    expect(ready).toMatch(/^READY version=1 role=relay as=relay max=1048576 window=16 store=[0-9a-f]{16}$/);
    client.type(`HELLO version=1 as=${name}\n`);
    return client;
  }

  test("keeps what detour's alice sends until detour's bob comes, also twice, and in order", {
    tags: ['slow'],
  }, async () => {
    const relay = await listening('relay');
    const first = await send(relay.place, '--id', 'k3f9-1', 'hello bob');
    const again = await send(relay.place, '--id', 'k3f9-1', 'hello bob');
    const other = await send(relay.place, '--id', 'k3f9-1', 'hello BOB');
    expect([first.code, again.code, other.code]).toEqual([0, 0, 20]);
    expect(again.stderr).toMatch(/stored it before, as number 1 for bob/);
    expect((await send(relay.place, '--count', '20', '--as', 'carol', 'hi')).code).toBe(0);
    // bob is killed after he has shown the first one.
    const bob = talk(['async', 'receive', '--relay', relay.place, '--work', '10m']);
    await bob.until(/alice: hello bob\n/);
    await bob.kill();
    const next = await runCli(['async', 'receive', '--relay', relay.place]);
    expect(next).toMatchObject({ code: 0, stdout: `alice: hello bob\n${'carol: hi\n'.repeat(20)}` });
    expect(next.stderr.match(/attempt 2/g)).toHaveLength(1);
    expect(await runCli(['async', 'receive', '--relay', relay.place])).toMatchObject({ code: 0, stdout: '' });
  });

  test('killed, it has lost what it had, as it says at its top; a bob who stays takes its new numbers for new', {
    tags: ['slow'],
  }, async () => {
    const relay = await listening('relay');
    expect((await send(relay.place, 'before')).code).toBe(0);
    const bob = talk(['async', 'receive', '--relay', relay.place, '--follow']);
    await bob.until(/alice: before\n/);
    expect((await send(relay.place, '--to', 'carol', 'lost')).code).toBe(0);
    await relay.kill();
    expect((await send(relay.place, 'nobody there')).code).toBe(10);
    const next = example('relay', ['--port', `${relay.port}`]);
    await next.until(/listens on/);
    expect((await send(relay.place, 'after')).code).toBe(0);
    await bob.until(/alice: after\n/);
    const carol = await runCli(['async', 'receive', '--as', 'carol', '--relay', relay.place]);
    expect(carol).toMatchObject({ code: 0, stdout: '' });
  });

  test('brings mail at once to whoever is there, and one message at a time', async () => {
    const relay = await listening('relay');
    const [alice, bob] = [await greeted(relay.port, 'alice'), await greeted(relay.port, 'bob')];
    bob.type('RECEIVE window=8\nPING\n');
    expect(await bob.next()).toEqual(['PONG', undefined]);
    alice.type('SEND id=1 to=bob size=3\na\n\x00\nSEND id=2 to=bob size=0\n\nSEND id=1 to=carol size=1\nx\n');
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=yes', undefined]);
    expect(await alice.next()).toEqual(['STORED id=2 seq=2 present=yes', undefined]);
    expect((await alice.next())[0]).toMatch(/^REFUSED id=1 code=id_reused /);
    const message = /^MESSAGE seq=(\d) id=\d from=alice at=\d{13} held=\d+ attempt=1 size=(\d)$/;
    const [line, body] = await bob.next();
    expect([message.exec(line)?.slice(1), body]).toEqual([['1', '3'], 'a\n\x00']);
    bob.type('PING\n');
    expect(await bob.next()).toEqual(['PONG', undefined]);
    // EMPTY comes when everything that is held now has gone. Messages that come meanwhile are left for later.
    bob.type('RECEIVE window=1 drain=yes\nPING\n');
    expect(await bob.next()).toEqual(['PONG', undefined]);
    alice.type('SEND id=3 to=bob size=1\nc\n');
    expect(await alice.next()).toEqual(['STORED id=3 seq=3 present=yes', undefined]);
    bob.type('ACK seq=1\nACK seq=1\n');
    expect(message.exec((await bob.next())[0])?.slice(1)).toEqual(['2', '0']);
    bob.type('ACK seq=2\n');
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
    expect(message.exec((await bob.next())[0])?.slice(1)).toEqual(['3', '1']);
    bob.type('BYE\n');
    expect(await bob.next()).toEqual(['BYE', undefined]);
    await bob.end();
    alice.type('SEND id=4 to=bob size=1\nd\nSEND id=5 to=eve size=1\ne\n');
    expect(await alice.next()).toEqual(['STORED id=4 seq=4 present=no', undefined]);
    expect(await alice.next()).toEqual(['STORED id=5 seq=1 present=never', undefined]);
  });

  test('a collector that does not read holds up nobody', { tags: ['slow'] }, async () => {
    const relay = await listening('relay');
    const [alice, bob] = [await greeted(relay.port, 'alice'), await greeted(relay.port, 'bob')];
    bob.socket.pause();
    bob.type('RECEIVE window=99\n');
    // More comes back than the kernels can hold: five megabytes of REFUSED. carol sees when the relay has handled all of them.
    const carol = await greeted(relay.port, 'carol');
    carol.type('RECEIVE window=1\n');
    bob.type(`${`SEND id=${'x'.repeat(64)}\n`.repeat(35_000)}SEND id=1 to=carol size=1\nx\n`);
    expect((await carol.next())[0]).toMatch(/^MESSAGE seq=1 id=1 from=bob /);
    alice.type(`SEND id=1 to=bob size=1000000\n${'x'.repeat(1e6)}\nSEND id=2 to=carol size=2\nhi\n`);
    expect((await alice.next())[0]).toMatch(/^STORED id=1 /);
    expect((await alice.next())[0]).toMatch(/^STORED id=2 /);
  });

  test('says ERROR or REFUSED to what it leaves out, and to what is wrong', async () => {
    const relay = await listening('relay');
    const carol = await greeted(relay.port, 'carol');
    carol.type('RECEIVE window=1\nPING\n');
    await carol.next();
    const wrong: string[] = [];
    for (const [name, bytes, ...answers] of [
      ['bob', 'SEND id=1 to=bob ttl=1 size=1\nx\n', 'REFUSED id=1 code=unsupported'],
      ['bob', 'SEND id=1 to=bob notify=bob size=1\nx\n', 'REFUSED id=1 code=unsupported'],
      ['bob', 'SEND id=1 to=relay size=1\nx\n', 'REFUSED id=1 code=wrong_name'],
      ['bob', 'SEND id=1 size=1\nx\n', 'REFUSED id=1 code=bad_value'],
      ['bob', 'STATUS\n', 'ERROR code=wrong_verb'],
      ['bob', 'RECEIVE window=1 limit=1\n', 'ERROR code=wrong_verb'],
      ['bob', 'RECEIVE\n', 'ERROR code=bad_value'],
      ['bob', 'RECEIVE window=1 drain=no\n', 'ERROR code=bad_value'],
      ['bob', 'ACK\n', 'ERROR code=bad_value'],
      ['bob', 'ACK seq=1\n', 'ERROR code=bad_ack'],
      [
        'bob',
        'SEND id=7 to=bob size=1\nx\nACK seq=1\n',
        'STORED id=7 seq=1 present=never',
        'ERROR code=bad_ack',
      ],
      ['bob', 'MESSAGE\n', 'ERROR code=wrong_verb'],
      ['carol', 'RECEIVE window=1\n', 'ERROR code=wrong_verb'],
      ['relay', '', 'ERROR code=wrong_name'],
    ] as const) {
      const client = await greeted(relay.port, name);
      client.type(bytes);
      for (const answer of answers) {
        const [line] = await client.next();
        if (line.replace(/ size=\d+$/, '') !== answer) wrong.push(`${JSON.stringify(bytes)}: ${line}`);
      }
      client.socket.end();
      await client.end();
    }
    expect(wrong).toEqual([]);
    expect(relay.stderr).not.toMatch(/Traceback/);
  });
});

describe.skipIf(LEFT_OUT)(`collector.py${LEFT_OUT}`, () => {
  const collect = (place: string, ...more: string[]) => runExample('collector', ['--relay', place, ...more]);

  test("collects from detour's relay in order, and what it was killed with comes again", {
    tags: ['slow'],
  }, async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    expect((await send(relay.place, 'first')).code).toBe(0);
    expect((await send(relay.place, '--count', '20', 'hi')).code).toBe(0);
    const killed = example('collector', ['--relay', relay.place, '--work', '600']);
    await killed.until(/alice: first\n/);
    await killed.kill();
    expect(await collect(relay.place)).toEqual({
      code: 0,
      stdout: `alice: first\n${'alice: hi\n'.repeat(20)}`,
      stderr: '  attempt 2: an earlier bob may have shown it\n',
    });
    expect(await collect(relay.place)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('does not acknowledge what it could not show', { tags: ['slow'] }, async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    expect((await send(relay.place, '--as', 'carol', '-')).code).toBe(0);
    const mute = example('collector', ['--relay', relay.place]);
    mute.child.stdout?.destroy();
    expect(await mute.ended).not.toBe(0);
    expect(mute.stderr).toMatch(/bob stops: .*Broken pipe/);
    expect((await collect(relay.place)).stdout).toBe('carol: \n');
  });

  test('stays with --follow, until somebody else collects or the relay is killed', {
    tags: ['slow'],
  }, async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    const bob = example('collector', ['--follow'], { DETOUR_RELAY: relay.place });
    await relay.until(/bob collects/);
    expect((await send(relay.place, 'at once')).code).toBe(0);
    await bob.until(/alice: at once\n/);
    const next = example('collector', ['--follow'], { DETOUR_PORT: relay.port, DETOUR_AS: 'bob' });
    expect(await bob.ended).toBe(1);
    expect(bob.stderr).toBe('another collector has taken this mailbox\n');
    await relay.kill();
    expect(await next.ended).toBe(1);
    expect(next.stderr).toMatch(/^bob stops: .*(FIN|reset)/);
  });

  test('collects from relay.py', { tags: ['slow'] }, async () => {
    const relay = await listening('relay');
    expect((await send(relay.place, '--count', '3', '--to', 'carol', 'hi')).code).toBe(0);
    const killed = example('collector', ['--relay', relay.place, '--as', 'carol', '--work', '600']);
    await killed.until(/alice: hi\n/);
    await killed.kill();
    const next = await collect(relay.place, '--as', 'carol');
    expect(next).toMatchObject({ code: 0, stdout: 'alice: hi\n'.repeat(3) });
    expect(next.stderr).toMatch(/^ {2}attempt 2: [^\n]*\n$/);
  });

  test('says in one sentence why it cannot collect', { tags: ['slow'] }, async () => {
    const bob = await bobListens();
    const fake = (text: string) =>
      peer((socket) => socket.write(`READY version=1 role=relay as=relay max=1 window=1 store=s\n${text}`));
    const found = await Promise.all([
      collect(bob.place, '--as', 'alice'),
      collect('127.0.0.1:1'),
      collect('here'),
      collect(await fake(''), '--as', 'relay'),
      collect(await fake('MESSAGE seq=1 id=1 from=alice attempt=1\n')),
      collect(await fake('MESSAGE seq=x id=1 from=alice attempt=1 size=2\nhi\n')),
      collect(await fake('STORED\n')),
      collect(await fake('BYE\n')),
    ]);
    for (const { code, stdout, stderr } of found) {
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
  });
});
