// Numbers with their units, as people read them.

/** Milliseconds for people: three digits are enough. */
export function ms(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

/** A number of bytes in words. */
export const bytes = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`);

/** A number of things in words: `1 mailbox`, `2 mailboxes`, `3 entries`. */
export const many = (n: number, what: string): string =>
  `${n} ${n === 1 ? what : what.replace(/y$/, 'ie').replace(/x$/, 'xe').concat('s')}`;
