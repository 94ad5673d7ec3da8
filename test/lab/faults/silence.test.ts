// Silence between real processes: what TCP keepalive notices and what a heartbeat notices, and a receiver that comes back after its cable was
// cut. `--heartbeat 1s` keeps it short.

import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../../src/lab/stage/actor.ts';
import { bobListens, relayListens } from '../../cli/talking.ts';
import { runCli, start, talk, tempDir } from '../../harness.ts';

const QUICK = ['--heartbeat', '1s'];
/** The time of three heartbeats, or more on a busy computer. */
const SILENT = String.raw`gave no sign of life for (?:[3-9]|\d{2,})(?:\.\d)? s`;

interface Link extends Actor {
  readonly place: string;
  /** Types a command, and waits until it is carried out. */
  strike(line: string): Promise<void>;
}

async function linkTo(to: string): Promise<Link> {
  const link = start(['link', '--listen', '0', '--to', to]);
  const { port } = await link.until('listening');
  return Object.assign(link, {
    place: `127.0.0.1:${port}`,
    async strike(line: string) {
      link.type(line);
      await link.until('fault', ({ fault }) => fault === line.split(' ')[0]);
    },
  });
}

// SIGSTOP is POSIX. The kernel's keepalive is as short as Node allows; Linux then gives up after ten probes, a second apart.
test.runIf(process.platform !== 'win32')(
  'a frozen program: keepalive notices nothing, because its kernel answers; the heartbeat notices',
  { tags: ['slow'], timeout: 60_000 },
  async () => {
    const bob = await bobListens();
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(bob.place) ?? [];
    const kept = createConnection({ host, port: Number(port) });
    onTestFinished(() => void kept.destroy());
    const trouble: string[] = [];
    for (const event of ['end', 'close', 'error', 'timeout']) kept.on(event, () => trouble.push(event));
    await new Promise<void>((resolve) => kept.once('data', () => resolve()));
    kept.setKeepAlive(true, 1000);
    // Linux shows that the keepalive timer is set (02).
    const row = new RegExp(
      `:${kept.localPort?.toString(16).toUpperCase().padStart(4, '0')} \\S+ 01 \\S+ 02:`,
    );
    if (process.platform === 'linux') expect(readFileSync('/proc/self/net/tcp', 'latin1')).toMatch(row);
    kept.write('HELLO version=1 as=keeper\n');

    const alice = talk(['sync', 'send', '--to', bob.place, '--lines', ...QUICK]);
    alice.type('one');
    await alice.until(/DELIVERED/);
    bob.child.kill('SIGSTOP');
    const began = performance.now();
    await alice.until(new RegExp(`bob's side ${SILENT}; the next message reconnects\\.\\n`));
    // As long again, and longer than it takes keepalive to notice a cable that is cut.
    while (performance.now() - began < 12_500) await new Promise((resolve) => setTimeout(resolve, 250));
    expect(trouble).toEqual([]);

    // After the thaw, the connection that only had keepalive works as before.
    const answer = new Promise<string>((resolve) => kept.once('data', (bytes) => resolve(bytes.toString())));
    bob.child.kill('SIGCONT');
    kept.write('SEND id=1 size=2\nhi\n');
    expect(await answer).toBe('RECEIVED id=1\n');
    alice.type('two');
    await bob.until(/alice: two/);
    alice.child.stdin?.end();
    expect(await alice.ended).toBe(0);
  },
);

test('cut: both ends of an idle sync connection say so; healed, the next message connects again', {
  tags: ['slow'],
  timeout: 30_000,
}, async () => {
  const bob = await bobListens();
  const link = await linkTo(bob.place);
  const alice = talk(['sync', 'send', '--to', link.place, '--lines', ...QUICK]);
  alice.type('one');
  await alice.until(/DELIVERED/);
  await link.strike('cut');
  await alice.until(new RegExp(`bob's side ${SILENT}; the next message reconnects\\.`));
  await bob.until(new RegExp(`a sender ${SILENT}: connection closed`));
  await link.strike('heal');
  alice.type('two');
  await bob.until(/alice: two/);
  alice.child.stdin?.end();
  expect(await alice.ended).toBe(0);
});

test('cut: a receiver that follows connects again and gets its mail, in order', {
  tags: ['slow'],
  timeout: 60_000,
}, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const link = await linkTo(relay.place);
  const bob = talk(['async', 'receive', '--relay', link.place, '--follow', '--timeout', '2s', ...QUICK]);
  const send = (text: string) => runCli(['async', 'send', '--relay', relay.place, text]);
  await send('one');
  await bob.until(/alice: one/);
  await link.strike('cut');
  await send('two');
  await bob.until(new RegExp(`the relay ${SILENT}`));
  await relay.until(new RegExp(`a client ${SILENT}: connection closed`));
  await send('three');
  await link.strike('heal');
  await bob.until(/alice: three/);
  expect(bob.stdout).toBe('alice: one\nalice: two\nalice: three\n');
  await relay.until(/bob 3 acknowledged/);
});

test('cut: a sender that waits for a receipt reports the silence, connects again and gets it', {
  tags: ['slow'],
  timeout: 60_000,
}, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const link = await linkTo(relay.place);
  const alice = talk(['async', 'send', '--relay', link.place, ...QUICK, '--wait', '1m', '--', 'hi']);
  await relay.until(/w-… collects/);
  await link.strike('cut');
  await alice.until(/the relay's side gave no sign of life for \S+ s; calling again for the news\./);
  await link.strike('heal');
  await runCli(['async', 'receive', '--relay', relay.place]);
  expect(await alice.ended).toBe(0);
  expect(alice.stderr).toMatch(/\nDELIVERED: bob's program acknowledged it\./);
  // Two connections fell silent together, but it is reported once.
  expect(alice.stderr.match(/no sign of life/g)).toHaveLength(1);
});

test.runIf(process.platform !== 'win32')(
  'half-open: a new bob takes over from one behind a cut cable; healed, the old one ends without effect',
  { tags: ['slow'], timeout: 60_000 },
  async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    const link = await linkTo(relay.place);
    const receive = (place: string): string[] => [
      'async',
      'receive',
      '--relay',
      place,
      '--follow',
      '--work',
      '2s',
      '--heartbeat',
      '1m',
    ];
    const old = start(receive(link.place));
    await relay.until(/bob collects/);
    await runCli(['async', 'send', '--relay', relay.place, 'one']);
    await old.until('shown');
    // He has shown it and works on it. His acknowledgement will go into the cut cable.
    old.child.kill('SIGSTOP');
    await link.strike('cut');
    old.child.kill('SIGCONT');
    await runCli(['async', 'send', '--relay', relay.place, 'two']);
    const bob = talk(receive(relay.place));
    await bob.until(/alice: one/);
    bob.child.kill('SIGSTOP');
    expect(relay.stderr).toMatch(/another bob took over/);
    await old.until('sent', ({ verb }) => verb === 'ACK');
    await link.strike('heal');
    await old.until('received', ({ verb }) => verb === 'BYE');
    // 11: he was replaced; after any other end it would be 1.
    expect(await old.ended).toBe(11);
    const { stdout } = await runCli(['async', 'status', '--relay', relay.place]);
    expect(stdout).toMatch(/^bob +2 /m);
    expect(relay.stderr).not.toMatch(/acknowledged/);
    bob.child.kill('SIGCONT');
    await relay.until(/bob 2 acknowledged/);
    expect(bob.stdout).toBe('alice: one\nalice: two\n');
    expect(bob.stderr).toMatch(/attempt 2: an earlier bob may have seen it/);
  },
);
