// `detour async relay --fresh`: deletes the old journal, after a question that says what is in it.

import { createInterface } from 'node:readline';
import { deleteLog } from '../async/log/clear.ts';
import { DetourError } from '../core/error.ts';
import { many } from '../core/units.ts';
import { checkFolder } from '../library/relay.ts';
import { heldIn } from './journal-losses.ts';
import { say, sayWrapped } from './render/output.ts';
import { atHome } from './state-dir.ts';

/**
 * Deletes a journal that no relay is using. It asks on the terminal first.
 * @param dir the folder of the journal
 * @param sure do not ask
 * @returns a sentence that says what was deleted, empty if there was no journal; undefined if the person did not say yes
 * @throws DetourError `usage` if there is nobody to ask; `unsafe_folder`; or another code of `deleteLog`
 */
export async function startAfresh(dir: string, sure: boolean): Promise<string | undefined> {
  checkFolder(dir);
  let what = 'what was left of it';
  const end = await deleteLog(dir, async () => {
    what = whatIsHeld(await heldIn(dir));
    if (sure) return true;
    const deletes = `This deletes the journal in ${atHome(dir)}: ${what}.`;
    if (process.stdin.isTTY && process.stderr.isTTY) {
      sayWrapped('', deletes);
      return (await answerTo('Type yes: ')) === 'yes';
    }
    throw new DetourError(
      'usage',
      `${deletes} There is nobody to ask, because this is not a terminal. Nothing was deleted.`,
      'add --yes if you mean it',
    );
  });
  if (end === 'deleted') return `The old journal was deleted: ${what}.`;
  if (end === 'none') return '';
  say('Nothing was deleted, and no relay was started.');
  return undefined;
}

function whatIsHeld(held: Awaited<ReturnType<typeof heldIn>>): string {
  if (held === undefined) return 'it is damaged, and nothing in it can be counted';
  const { messages, mailboxes, damaged } = held;
  const all =
    messages === 0 ? 'no held message' : `${many(messages, 'held message')} of ${many(mailboxes, 'mailbox')}`;
  return damaged ? `${all} can be read of it; it is damaged` : all;
}

// The line that is typed; undefined at Ctrl-C or Ctrl-D.
function answerTo(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: true });
  return new Promise((resolve) => {
    lines.once('close', () => resolve(undefined));
    lines.once('SIGINT', () => {
      say();
      lines.close();
    });
    lines.question(question, (line) => {
      resolve(line.trim().toLowerCase());
      lines.close();
    });
  });
}
