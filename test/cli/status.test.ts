// `detour async status --watch`: what is told as it changes, in an event for each mailbox and in blocks of text.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StatusChanges } from '../../src/cli/commands/async-status.ts';
import { DetourError } from '../../src/core/error.ts';
import type { Event } from '../../src/core/event.ts';
import type { MailboxStatus, RelayStatus } from '../../src/library/status.ts';
import { runCli, start, talk, tempDir } from '../harness.ts';
import { relayListens } from './talking.ts';

const BOB: MailboxStatus = { name: 'bob', held: 1, bytes: 5, oldestAt: 1000, connected: false };
const CAROL: MailboxStatus = { name: 'carol', held: 0, bytes: 0, oldestAt: undefined, connected: true };
const of = (...mailboxes: MailboxStatus[]): RelayStatus => ({
  mailboxes,
  usage: { messages: undefined, names: undefined, ids: undefined, sessions: undefined, disk: undefined },
});

test('an event for each mailbox that has changed, and one when the relay stops answering', () => {
  const events: Event[] = [];
  const changes = new StatusChanges((event) => events.push(event));
  const saw = (answer: RelayStatus | DetourError): Event[] => {
    changes.saw(answer);
    return events.splice(0);
  };
  const refused = new DetourError('ECONNREFUSED', 'it refused', '');
  const bob = { event: 'status', name: 'bob', held: 1, bytes: 5, oldest: 1000, connected: 'no' };
  const carol = { event: 'status', name: 'carol', held: 0, bytes: 0, connected: 'yes' };
  expect(saw(of(BOB))).toEqual([bob]);
  expect(saw(of(BOB, CAROL))).toEqual([carol]);
  expect(saw(of(BOB, CAROL))).toEqual([]);
  expect(saw(refused)).toEqual([{ event: 'notice', text: 'no relay answered: it refused' }]);
  expect(saw(refused)).toEqual([]);
  expect(saw(of({ ...BOB, held: 2 }))).toEqual([
    { ...bob, held: 2 },
    { ...carol, connected: 'no' },
  ]);
  expect(saw(refused)).toHaveLength(1);
});

test('--watch goes on until Ctrl-C, in blocks and as events', { tags: ['slow'] }, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const flags = ['async', 'status', '--relay', relay.place, '--watch'];
  const blocks = talk(flags);
  await blocks.until(/The relay on \S+ at \S+\nNobody has mail at the relay on \S+, and nobody collects\./);
  const events = start(flags);
  await runCli(['async', 'send', '--relay', relay.place, 'hello']);
  await blocks.until(/\n\nThe relay on .*\nNAME .*\nbob +1 +5 +\d\S+ +no\n/);
  await events.until(
    'status',
    ({ name, held, connected }) => name === 'bob' && held === 1 && connected === 'no',
  );
  const bob = talk(['async', 'receive', '--relay', relay.place, '--follow']);
  await blocks.until(/bob +0 +0 +- +yes\n/);
  bob.child.kill('SIGKILL');
  await events.until('status', ({ held, connected }) => held === 0 && connected === 'no');
  relay.child.kill('SIGKILL');
  await events.until('notice', ({ text }) => text.startsWith('no relay answered: '));
  await blocks.until(/No relay answered: \S+ refused the connection/);
  // Only the changes are reported, not each question.
  expect(new Set(events.events.map(({ event }) => event))).toEqual(new Set(['status', 'notice']));
  // Windows has no signal but kill.
  if (process.platform === 'win32') return;
  events.child.kill('SIGINT');
  blocks.child.kill('SIGINT');
  expect([await events.ended, await blocks.ended]).toEqual([0, 0]);
});
