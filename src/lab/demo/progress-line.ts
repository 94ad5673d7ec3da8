// One line that shows, while a story is being played, how much of a large message is there: the bytes that bob's program has read, as it
// says itself. What alice has written may be anywhere on the way.

import { bar } from '../../core/bar.ts';
import type { Recorded } from '../../core/event.ts';

const WIDTH = 12;
const PLAYING = ' the processes are playing it …';

/** The line under a story's title while it is being played. */
export class ProgressLine {
  readonly #show: ((text: string) => void) | undefined;
  readonly #bars = new Map<string, string>();

  /** @param show shows a text in place of the one before; undefined where nobody looks */
  constructor(show: ((text: string) => void) | undefined) {
    this.#show = show;
    show?.(PLAYING);
  }

  /** A process on this route has said something. */
  saw(route: 'direct' | 'detour', recorded: Recorded): void {
    const bar = this.#bars.get(route);
    if (recorded.event === 'arriving') this.#bars.set(route, barOf(recorded.have / recorded.size));
    else if (bar === undefined) return;
    else if (recorded.event === 'stopping' && recorded.why === 'kill') this.#bars.set(route, `${bar} ×`);
    else if (recorded.event === 'shown') this.#bars.set(route, barOf(1));
    else return;
    const bars = [...this.#bars].map(([name, text]) => `${name.toUpperCase()} ${text}`);
    this.#show?.(` bob's program has: ${bars.join('  ')}`);
  }

  /** The story has been played: the line goes. */
  end(): void {
    this.#show?.('');
  }
}

const barOf = (share: number): string => `${bar(share, WIDTH)} ${Math.floor(100 * share)}%`;
