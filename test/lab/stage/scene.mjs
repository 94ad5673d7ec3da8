// The test of the stage runs this as its own process: it starts two puppets, prints their pids, and ends as its argument says.
import { fileURLToPath } from 'node:url';
import { Stage } from '../../../dist/lab/stage/stage.js';

const puppet = fileURLToPath(new URL('puppet.mjs', import.meta.url));
const stage = new Stage({ program: [process.execPath, puppet] });
const actors = [stage.start('bob', 'listen'), stage.start('carol', 'stand_still')];
await Promise.all([actors[0].until('listening'), actors[1].until('freezing')]);
process.stdout.write(`${JSON.stringify({ pids: actors.map(({ pid }) => pid), dir: stage.dir })}\n`);
if (process.argv[2] === 'throw') throw new Error('on purpose');
