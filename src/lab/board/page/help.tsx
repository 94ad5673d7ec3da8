// What the keys do, and how the page is read.

import { Dialog } from './dialog.tsx';
import { KEYS } from './keys.ts';

/** All keys, and a few sentences. */
export function Help({ version, onClose }: { version: string; onClose: () => void }) {
  return (
    <Dialog title="Keys" testId="help-dialog" onClose={onClose}>
      <div class="help">
        <dl>
          {KEYS.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <p>
          Everything here is real: real processes, real sockets, a real <code>kill -9</code>. Each row was
          recorded by the process whose column it is in; only a kill, a freeze and a thaw by a click are
          recorded by the board. Click a frame to see its bytes; click “why?” to see what a verdict rests on.
        </p>
        <p>
          Loopback is too fast to watch. Slow motion plays again what was recorded; the printed times are the
          recorded ones.
        </p>
        <p class="version">detour {version}</p>
      </div>
    </Dialog>
  );
}
