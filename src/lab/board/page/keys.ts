// What the keys do. Pure: main.tsx hears them and obeys.

/** What a key asks for. */
export type KeyAction =
  /** `key`: the answer that was chosen, as the question writes it. */
  | { readonly do: 'answer'; readonly key: string }
  | { readonly do: 'skip' | 'pause' | 'live' | 'say' | 'menu' | 'next' | 'theme' | 'help' | 'close' }
  | { readonly do: 'step'; readonly by: 1 | -1 }
  /** One speed faster, or one slower. */
  | { readonly do: 'speed'; readonly by: 1 | -1 }
  /** `number`: that of a story. */
  | { readonly do: 'choose'; readonly number: number };

/** A key that was pressed, and what has the focus. */
export interface Pressed {
  /** The key as browsers name it: `d`, `ArrowLeft`, ` `. */
  readonly key: string;
  /** Was Ctrl, Alt or Meta held? Then the key belongs to the browser. */
  readonly modified: boolean;
  /**
   * What has the focus: `text` takes every key, `range` (a slider, a list) the arrows, Enter and space, `button` (a link, too) Enter and space,
   * `page` none.
   */
  readonly focus: 'text' | 'range' | 'button' | 'page';
}

const PLAIN: Readonly<Record<string, KeyAction>> = {
  ' ': { do: 'pause' },
  arrowleft: { do: 'step', by: -1 },
  arrowright: { do: 'step', by: 1 },
  enter: { do: 'next' },
  l: { do: 'live' },
  '+': { do: 'speed', by: 1 },
  '-': { do: 'speed', by: -1 },
  '/': { do: 'say' },
  m: { do: 'menu' },
  t: { do: 'theme' },
  '?': { do: 'help' },
  escape: { do: 'close' },
};

/**
 * What a key does; undefined if it is left to the browser.
 * @param answers the keys of the question that is open; undefined if none is. While a question is open, only its own keys do anything.
 */
export function keyAction(pressed: Pressed, answers: readonly string[] | undefined): KeyAction | undefined {
  if (pressed.modified || pressed.focus === 'text') return undefined;
  const key = pressed.key.toLowerCase();
  if (answers !== undefined) {
    const answer = answers.find((one) => one.toLowerCase() === key);
    if (answer !== undefined) return { do: 'answer', key: answer };
    return key === 's' ? { do: 'skip' } : undefined;
  }
  if ((key === ' ' || key === 'enter') && pressed.focus !== 'page') return undefined;
  if (key.startsWith('arrow') && pressed.focus === 'range') return undefined;
  // The stories are numbered from 1; 0 is the tenth.
  if (/^[0-9]$/.test(key)) return { do: 'choose', number: key === '0' ? 10 : Number(key) };
  return Object.hasOwn(PLAIN, key) ? PLAIN[key] : undefined;
}

/** All keys, for a person: what to press, and what it does. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['D, N, U', 'answer a question: delivered or stored, not delivered, unknown'],
  ['S', 'skip a question'],
  ['1 … 9, 0', 'choose a story; 0 is the tenth'],
  ['M', 'open the menu'],
  ['/', 'go to the box to say something'],
  ['Enter', 'when a story is over: the next one'],
  ['space', 'pause, and go on'],
  ['← →', 'one row back, one row on'],
  ['− +', 'slower, faster'],
  ['L', 'back to live'],
  ['T', 'dark or light'],
  ['?', 'this list'],
  ['Esc', 'close what is open'],
];
