import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detourCommand, usualShells } from '../../../src/lab/demo/your-turn.ts';
import { tempDir } from '../../harness.ts';

/** Is this shell here? */
function has(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'exit 0']);
    return true;
  } catch {
    return false;
  }
}

test.for([
  ['bash', 'bash, zsh'],
  ['zsh', 'bash, zsh'],
  ['fish', 'fish'],
] as const)(
  'the line for %s makes a command that passes on its arguments and its input',
  ([shell, kind], { skip }) => {
    if (process.platform === 'win32' || !has(shell)) skip(`${shell} is not installed`);
    // A folder whose name needs quoting.
    const folder = join(tempDir(), `it's $HOME "x"`);
    mkdirSync(folder);
    const program = join(folder, 'detour.mjs');
    writeFileSync(
      program,
      "import fs from 'node:fs'; console.log(process.argv.slice(2), process.env.DETOUR_COMMAND, fs.readFileSync(0, 'utf8'));\n",
    );
    const script = `${detourCommand(kind, program)}\ncd /\necho piped | detour one 'two words'`;
    expect(execFileSync(shell, ['-c', script], { encoding: 'utf8' })).toBe(
      "[ 'one', 'two words' ] detour piped\n\n",
    );
  },
);

test('the lines for Windows quote the path', () => {
  const program = String.raw`C:\it's here\detour.mjs`;
  expect(detourCommand('PowerShell', program)).toContain(String.raw`'C:\it''s here\detour.mjs'`);
  expect(detourCommand('cmd', program)).toBe(
    String.raw`doskey detour=set DETOUR_COMMAND=detour$Tnode "C:\it's here\detour.mjs" $*`,
  );
});

test('the shells that are usual on a system', () => {
  expect(usualShells('win32', undefined)).toEqual(['PowerShell', 'cmd']);
  expect(usualShells('linux', '/usr/bin/fish')).toEqual(['fish']);
  expect(usualShells('linux', '/bin/bash')).toEqual(['bash, zsh']);
  expect(usualShells('darwin', undefined)).toEqual(['bash, zsh']);
});
