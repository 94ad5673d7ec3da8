// The examples do what they say, each as its own process.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { memoryLog, startRelay } from '../../src/library/relay.ts';
import { Talking } from '../harness.ts';

const EXAMPLES = fileURLToPath(new URL('../../scripts/examples', import.meta.url));

function run(example: string, ...args: string[]): Talking {
  const command = [process.execPath, '--import', 'tsx', join(EXAMPLES, example), ...args];
  const process_ = new Talking(command, { patienceMs: 600_000 });
  onTestFinished(() => process_.killNow());
  return process_;
}

test('there are three, and a second-year student can read each', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
  expect(files.sort()).toEqual(['collector.ts', 'receiver.ts', 'sender.ts']);
  for (const file of files) {
    const text = readFileSync(join(EXAMPLES, file), 'utf8');
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(40);
    expect(text).toContain("from 'detour';");
    expect(text).toContain('// Left out: ');
  }
});

test('alice reaches bob directly; when he has stopped she leaves it at the relay, where he collects it', {
  tags: ['slow'],
}, async () => {
  const relay = await startRelay({ port: 0, log: memoryLog() });
  onTestFinished(() => relay.close());
  const atRelay = `${relay.host}:${relay.port}`;
  const bob = run('receiver.ts', '0');
  const [, place = ''] = await bob.until(/bob listens on (\S+)/);
  const direct = run('sender.ts', 'hello', place, atRelay);
  await direct.until(/direct: DELIVERED \(ok\)\nbob replied: thanks for 5 bytes\n/);
  expect(await direct.ended).toBe(0);
  await bob.until(/alice: hello\n/);
  bob.child.kill('SIGINT');
  await bob.until(/bob has stopped\n/);
  expect(await bob.ended).toBe(0);

  const detour = run('sender.ts', 'hello again', place, atRelay);
  await detour.until(/direct: NOT_DELIVERED \(ECONNREFUSED\)\n .*refused.*\ndetour: STORED \(ok\)\n/);
  const later = run('collector.ts', atRelay);
  await later.until(/1 alice: hello again\n/);
  later.child.kill('SIGINT');
  await later.until(/bob has left\n/);
  expect(await later.ended).toBe(0);
  expect(relay.waiting()).toEqual([]);
});
