// Loaded into a process before its own program (`node --import`): at each SIGUSR2 it tells on stderr how late the event loop was since the
// one before, in milliseconds: 99 of 100 times no later than this. A millisecond of it is the timer's own.

import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on('SIGUSR2', () => {
  process.stderr.write(`event loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms\n`);
  delay.reset();
});
