// detour, but with a bob on the direct route that lies as the first argument says. For the tests of the demo, which must catch him.

import { systemClock } from '../../../dist/core/clock.js';
import { netContext } from '../../../dist/net/context.js';
import { startReceiver } from '../../../dist/sync/receiver.js';
import { formatJson } from '../../../dist/trace/line.js';
import { createRecorder } from '../../../dist/trace/log.js';

const [lie] = process.argv.splice(2, 1);
const args = process.argv.slice(2);

if (args[0] === 'sync' && args[1] === 'receive') {
  const recorder = createRecorder({
    actor: 'bob',
    file: args[args.indexOf('--log') + 1],
    onEvent: (recorded) => process.stdout.write(`${formatJson(recorded)}\n`),
  });
  const context = netContext(recorder.emit, systemClock, true);
  const handle = async ({ id, from, body }) => {
    const shown = { event: 'shown', id, from, size: body.length, text: body.toString() };
    if (lie === 'early') setTimeout(() => recorder.emit(shown), 20);
    if (lie === 'other') recorder.emit({ ...shown, text: 'buy now' });
    if (lie === 'twice') recorder.emit(shown);
    if (lie === 'twice') recorder.emit(shown);
    if (lie === 'mute') process.stdout.write = () => true;
    if (lie === 'mute') recorder.emit(shown);
  };
  await startReceiver({ as: 'bob', host: '127.0.0.1', port: 0, context, handle });
} else await import('../../../dist/cli/main.js');
