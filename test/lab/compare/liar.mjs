// detour, but with a bob on the direct route that answers RECEIVED and handles nothing. For the tests of `detour compare`, whose tally must
// catch him.
import { once } from 'node:events';
import { systemClock } from '../../../dist/core/clock.js';
import { netContext } from '../../../dist/net/context.js';
import { startReceiver } from '../../../dist/sync/receiver.js';
import { formatJson } from '../../../dist/trace/line.js';
import { createRecorder } from '../../../dist/trace/log.js';

const args = process.argv.slice(2);

if (args[0] === 'sync' && args[1] === 'receive') {
  const recorder = createRecorder({
    actor: 'bob',
    file: args[args.indexOf('--log') + 1],
    onEvent: (recorded) => process.stdout.write(`${formatJson(recorded)}\n`),
  });
  recorder.emit({ event: 'notice', text: 'ready' });
  await once(process.stdin, 'data');
  const context = netContext(recorder.emit, systemClock, true);
  const host = args[args.indexOf('--host') + 1];
  const port = Number(args[args.indexOf('--port') + 1]);
  await startReceiver({ as: 'bob', host, port, context, handle: async () => undefined });
} else await import('../../../dist/cli/main.js');
