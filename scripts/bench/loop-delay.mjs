// Loaded into a process before its own program (`node --import`). At each SIGUSR2 it prints to stderr the 99th percentile of how late the event
// loop was since the last one, in milliseconds. One millisecond of it is the timer's own.

import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on('SIGUSR2', () => {
  process.stderr.write(`event loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms\n`);
  delay.reset();
});
