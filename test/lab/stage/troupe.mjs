// The test of the stage runs this as its own process: it starts one actor of each kind, prints their pids, and stays until it is killed.
import { join } from 'node:path';
import { Stage } from '../../../dist/lab/stage/stage.js';

const stage = new Stage();
const relay = stage.start('relay', 'async', 'relay', '--port', '0', '--journal', join(stage.dir, 'journal'));
const { host, port } = await relay.until('listening');
const place = `${host}:${port}`;
const bob = stage.start('bob', 'sync', 'receive', '--port', '0');
const later = stage.start('later', 'sync', 'receive', '--port', '0', '--later');
const link = stage.start('link', 'link', '--listen', '0', '--to', place);
const collecting = stage.start('carol', 'async', 'receive', '--as', 'carol', '--follow', '--relay', place);
const typing = stage.start('alice', 'async', 'send', '--lines', '--relay', place);
const spare = stage.start('spare', 'sync', 'receive', '--port', '0', '--later');
later.type('come');
typing.type('hello');
await Promise.all([
  bob.until('listening'),
  later.until('listening'),
  link.until('listening'),
  collecting.until('sent', ({ verb }) => verb === 'RECEIVE'),
  typing.until('outcome'),
  spare.until('notice'),
]);
process.stdout.write(`${JSON.stringify({ pids: stage.actors.map(({ pid }) => pid), dir: stage.dir })}\n`);
