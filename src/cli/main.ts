// The program: runs the command that was typed. program.ts has the table of contents.

import { setCommandName } from '../core/command-name.ts';
import { visible } from '../core/visible.ts';
import { run } from './program.ts';
import { endWhenWritten, watchOutput } from './render/output.ts';
import { typedAs } from './typed-as.ts';

const { argv, env, platform } = process;
const words = argv.slice(2);
watchOutput();
const end = words.indexOf('--');
// What programs read does not depend on how a command was typed.
if (!words.slice(0, end === -1 ? undefined : end).includes('--json'))
  setCommandName(visible(typedAs({ env, program: argv[1] ?? '', cwd: process.cwd(), platform })));
const failed = await run(words);
if (failed !== undefined) {
  process.exitCode = failed;
  // What failed may still listen, or hold standard input.
  endWhenWritten();
}
