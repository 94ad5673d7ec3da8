// What everybody should know, and what went wrong with a click: short texts that go away by themselves.

import { useEffect, useRef, useState } from 'preact/hooks';
import { visible } from '../../../core/visible.ts';
import type { Command } from '../messages.ts';
import type { View } from './store.ts';
import { command, useView } from './store.ts';

// Long enough to read two lines aloud.
const STAYS_MS = 12_000;

type Listener = (text: string) => void;
const listeners = new Set<Listener>();

/** Sends a command; if the board refuses, says why on the page. Resolves to whether it was done. */
export async function attempt(wanted: Command): Promise<boolean> {
  const error = await command(wanted);
  if (error !== undefined) for (const tell of listeners) tell(error);
  return error === undefined;
}

/** May this page command, as things are? It has a token, and the board is there. */
export const mayCommand = ({ may, connection }: View): boolean => may && connection !== 'gone';

interface Notice {
  readonly key: number;
  readonly text: string;
}

let keys = 0;

/** The notices of the board and the errors of this page's commands, the newest last. */
export function Notices() {
  const { notices, mode } = useView();
  const [shown, setShown] = useState<readonly Notice[]>([]);
  const seen = useRef<string | undefined>(undefined);
  const remove = (gone: Notice): void => setShown((now) => now.filter(({ key }) => key !== gone.key));
  const add = (text: string, stays: boolean): void => {
    const notice = { key: ++keys, text };
    setShown((now) => [...now.filter((other) => other.text !== text), notice]);
    if (!stays) setTimeout(remove, STAYS_MS, notice);
  };
  useEffect(() => {
    const tell = (text: string): void => add(text, false);
    listeners.add(tell);
    return () => {
      listeners.delete(tell);
    };
  }, []);
  useEffect(() => {
    const fresh = notices.slice(seen.current === undefined ? 0 : notices.lastIndexOf(seen.current) + 1);
    // What is wrong with a log file stays wrong.
    for (const text of fresh) add(text, mode === 'logs');
    seen.current = notices.at(-1);
  }, [notices]);
  return (
    <div class="notices" role="status">
      {shown.map((notice) => (
        <p class="notice" key={notice.key} data-testid="notice">
          <span>{visible(notice.text)}</span>
          <button type="button" class="quiet" onClick={() => remove(notice)} aria-label="dismiss">
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
