// The end of the demo: what to type next. In a clone nothing is installed, and npx knows the program only in its folder; on a USB stick it does
// not know it at all. So first comes a line that makes `detour` a command in one terminal.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asTyped, commandName } from '../../core/command-name.ts';
import { PLAIN } from '../../core/plain.ts';
import { hanging } from '../../core/wrap.ts';

/** The shells that a line can be made for. */
export type Shell = 'bash, zsh' | 'fish' | 'PowerShell' | 'cmd';

/**
 * A line to paste into a terminal. It defines the command `detour` there, until the terminal is closed, whatever folder one is in. The program
 * learns from DETOUR_COMMAND that this is what was typed.
 * @param program the path of scripts/detour.mjs
 */
export function detourCommand(shell: Shell, program: string): string {
  // A single quote in a path ends the quotes, so it is quoted on its own.
  const quoted = (quote: string): string => `'${program.replaceAll("'", quote)}'`;
  switch (shell) {
    case 'bash, zsh':
      return `detour() { DETOUR_COMMAND=detour node ${quoted(`'\\''`)} "$@"; }`;
    case 'fish':
      return `function detour; DETOUR_COMMAND=detour node '${program.replaceAll(/['\\]/g, '\\$&')}' $argv; end`;
    case 'PowerShell':
      // A function gets what is piped to it as $input, and must pass it on itself.
      return `function detour { $env:DETOUR_COMMAND = 'detour'; $p = ${quoted("''")}; if ($MyInvocation.ExpectingInput) { $input | node $p @args } else { node $p @args } }`;
    case 'cmd':
      return `doskey detour=set DETOUR_COMMAND=detour$Tnode "${program}" $*`;
  }
}

/** The shells that are usual here. @param shell the user's login shell, as in the environment variable SHELL */
export function usualShells(platform: NodeJS.Platform, shell: string | undefined): readonly Shell[] {
  if (platform === 'win32') return ['PowerShell', 'cmd'];
  return shell?.endsWith('/fish') === true ? ['fish'] : ['bash, zsh'];
}

/** The last lines of the demo. The line to paste is not wrapped, whatever its length. */
export function yourTurn(columns: number): string[] {
  const program = fileURLToPath(new URL('../../../scripts/detour.mjs', import.meta.url));
  const inClone = existsSync(fileURLToPath(new URL('../../../tsconfig.json', import.meta.url)));
  const nameless = inClone || commandName().startsWith('node ');
  const shells = nameless ? usualShells(process.platform, process.env.SHELL) : [];
  // After the line to paste, that name is the command.
  const typed = (text: string): string => (nameless ? text : asTyped(text));
  const [one, other] = [typed('detour sync receive'), typed('detour sync send hello bob')];
  return [
    ' Your turn, in two terminals.',
    ...shells.flatMap((shell) => [
      ...hanging(
        ' ',
        `Paste this into each (${shell}). Then detour is a command there, in every folder:`,
        columns,
      ),
      `   ${detourCommand(shell, program)}`,
    ]),
    ...(columns >= 12 + one.length + other.length && columns !== PLAIN
      ? [`   ${one}       ${other}`]
      : [`   ${one}`, `   ${other}`]),
    ...hanging(' ', typed('On the projector, with a page that asks first: detour board'), columns),
    ...hanging(' ', typed('Which route when? Measure it: detour compare'), columns),
  ];
}
