// The program: runs the command that was typed. program.ts has the table of contents.

import { run } from './program.ts';
import { watchOutput } from './render/output.ts';

watchOutput();
const failed = await run(process.argv.slice(2));
if (failed !== undefined) {
  process.exitCode = failed;
  // A server that failed to start may still hold standard input.
  process.stdin.destroy();
}
