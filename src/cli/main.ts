// The program: runs the command that was typed. program.ts has the table of contents.

import { run } from './program.ts';
import { endWhenWritten, watchOutput } from './render/output.ts';

watchOutput();
const failed = await run(process.argv.slice(2));
if (failed !== undefined) {
  process.exitCode = failed;
  // What failed may still listen, or hold standard input.
  endWhenWritten();
}
