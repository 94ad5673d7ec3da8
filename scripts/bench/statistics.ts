// What a bench reports of many rounds: the median and the spread. The machine is noisy, so a ratio is taken within each round, where the two were
// measured one after the other, and its median is what counts.

/** The middle one; of an even number the lower of two. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** The median of the ratios of the two in each round. @param ours by round. @param others by round */
function ratio(ours: readonly number[], others: readonly number[]): number {
  return median(ours.map((own, round) => own / (others[round] ?? Number.NaN)));
}

/** Which ratio is shown beside a row: of the first, which is detour, to this one, or of this one to the first; or none. */
export type Comparison = 'detour/this' | 'this/first' | 'not';

/** The ratio of two rows, as text; nothing for the first row itself. */
export function compared(first: readonly number[], values: readonly number[], how: Comparison): string {
  if (values === first || how === 'not') return '';
  return (how === 'this/first' ? ratio(values, first) : ratio(first, values)).toFixed(2);
}

/** A number with three digits: `950`, `1.23k`, `45.6k`, `1.23M`. */
export function short(value: number): string {
  const [unit, size] = value >= 1e6 ? ['M', 1e6] : value >= 1e3 ? ['k', 1e3] : ['', 1];
  const scaled = value / size;
  return `${scaled.toFixed(scaled >= 100 || size === 1 ? 0 : scaled >= 10 ? 1 : 2)}${unit}`;
}

/** From the lowest to the highest: `45.6k to 51.2k`. */
export function spread(values: readonly number[]): string {
  return `${short(Math.min(...values))} to ${short(Math.max(...values))}`;
}
