// A process for the tests of the stage: it prints events like detour, and does what its first argument says.
import { appendFileSync } from 'node:fs';

const args = process.argv.slice(2);
const log = args.includes('--log') ? args[args.indexOf('--log') + 1] : undefined;
const emit = (event) => {
  const line = `${JSON.stringify({ time: new Date().toISOString(), actor: 'puppet', pid: process.pid, ...event })}\n`;
  if (log !== undefined) appendFileSync(log, line);
  process.stdout.write(line);
};

const parts = {
  listen() {
    emit({ event: 'listening', role: 'receiver', host: '127.0.0.1', port: 4101 });
    process.stdin.setEncoding('utf8').on('data', (text) => emit({ event: 'notice', text: text.trim() }));
  },
  leave() {
    emit({ event: 'stopping', why: 'done' });
    process.exitCode = 7;
  },
  stand_still() {
    emit({ event: 'freezing', ms: 600000 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
  },
  babble() {
    process.stderr.write('I am not detour\n', () => process.stdout.write('hello\n'));
    setInterval(() => {}, 1000);
  },
};
parts[args[0]]();
