// A program in a terminal of its own (a pty), which a test can stop as Ctrl-S does, or take away. Node has no ptys; Python has.

import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { MAIN, Talking } from '../harness.ts';

/** Can terminals be made on this computer? */
export const hasTerminals =
  process.platform !== 'win32' && spawnSync('python3', ['-c', 'import pty']).status === 0;

// Each line of stdin is a command. The program is in a session without a controlling terminal, so that no signal tells it that its
// terminal has gone: it finds out when it writes.
const HOLDER = `
import os, select, signal, subprocess, sys
ours, theirs = os.openpty()
program = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
os.close(theirs)
gone = False
while program.poll() is None:
    ready, _, _ = select.select([0] + ([] if gone else [ours]), [], [], 0.05)
    if ours in ready:
        try: os.write(1, os.read(ours, 65536))
        except OSError: gone = True
    if 0 in ready:
        word = os.read(0, 1000).decode().strip()
        if word == 'stop': os.write(ours, b'\\x13')
        elif word == 'go on': os.write(ours, b'\\x11')
        elif word.startswith('type '): os.write(ours, word[5:].encode() + b'\\r')
        elif word == 'end': program.send_signal(signal.SIGTERM)
        elif word == 'take away': os.close(ours); gone = True
        else: program.kill()
        os.write(2, ('did: %s\\n' % word).encode())
sys.exit(program.returncode if program.returncode >= 0 else 99)
`;

/** A program in a terminal. Its `stdout` is what the terminal shows. */
export class InTerminal extends Talking {
  /** Does something to the terminal: Ctrl-S, Ctrl-Q, typing a line, hanging up; or to the program: SIGTERM. Resolves when it has been done. */
  async do(what: 'stop' | 'go on' | `type ${string}` | 'take away' | 'end'): Promise<void> {
    this.type(what);
    await this.until(new RegExp(`did: ${what}`));
  }
}

/** Starts `detour …args` in a terminal; the test's end kills it. */
export function inTerminal(args: readonly string[]): InTerminal {
  const found = new InTerminal(['python3', '-c', HOLDER, process.execPath, MAIN, ...args], {
    env: { NO_COLOR: '1' },
    patienceMs: 600_000,
  });
  // The end of its input ends the program, too.
  onTestFinished(async () => {
    found.input('kill\\n');
    await found.ended;
  });
  return found;
}
