// One line that shows, while a story is being played, how much of a large message is there: the bytes that bob's program has read, as it
// says itself. What alice has written may be anywhere on the way.

import { bar } from '../../core/bar.ts';
import type { Recorded } from '../../core/event.ts';

type Route = 'direct' | 'detour';

/** How much of a message bob's program has read. */
interface Share {
  /** From 0 to 1. */
  readonly read: number;
  readonly killed: boolean;
}

const PLAYING = ' the processes are playing it …';
const WIDEST_BAR = 12;
const SHORTEST_BAR = 4;
// The longest text without its bars: `DIRECT [] 100% ×  DETOUR [] 100% ×`.
const WORDS = 34;

/** The line under a story's title while it is being played. */
export class ProgressLine {
  readonly #show: ((text: string) => void) | undefined;
  readonly #columns: () => number;
  readonly #shares = new Map<Route, Share>();

  /**
   * @param show shows a text in place of the previous one; undefined if nobody is watching
   * @param columns the current width of the terminal
   */
  constructor(show: ((text: string) => void) | undefined, columns: () => number) {
    this.#show = show;
    this.#columns = columns;
    show?.(PLAYING);
  }

  /** A process on this route has said something. */
  saw(route: Route, recorded: Recorded): void {
    const share = this.#shares.get(route);
    if (recorded.event === 'arriving')
      this.#shares.set(route, { read: recorded.have / recorded.size, killed: false });
    else if (share === undefined) return;
    else if (recorded.event === 'stopping' && recorded.why === 'kill')
      this.#shares.set(route, { ...share, killed: true });
    else if (recorded.event === 'shown') this.#shares.set(route, { read: 1, killed: false });
    else return;
    this.#show?.(this.#text());
  }

  /** The story has been played: the line goes. */
  end(): void {
    this.#show?.('');
  }

  #text(): string {
    const room = this.#columns() - 1;
    const head = room >= 79 ? " bob's program has: " : ' bob has: ';
    const width = Math.min(WIDEST_BAR, Math.floor((room - head.length - WORDS) / 2));
    const shares = [...this.#shares].map(([route, { read, killed }]) => {
      const drawn = width < SHORTEST_BAR ? '' : `${bar(read, width)} `;
      return `${route.toUpperCase()} ${drawn}${Math.floor(100 * read)}%${killed ? ' ×' : ''}`;
    });
    return head + shares.join('  ');
  }
}
