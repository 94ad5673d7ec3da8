// Formats the figures: short enough for a table, exact enough to compare. Pure.

import { hanging } from '../../core/wrap.ts';
import type { Strategy } from './sender.ts';

/** The names of the strategies on the screen. */
export const NAMES: Readonly<Record<Strategy, string>> = {
  once: 'sync once',
  again: 'sync again',
  relay: 'async relay',
};

/** A time in milliseconds, in at most six characters: `1.9ms`, `640ms`, `2.48s`, `12.3s`, `never`. */
export function shortTime(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'never';
  if (ms < 9.95) return `${ms.toFixed(1)}ms`;
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)}s`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)}s`;
  return `${Math.round(ms / 1000)}s`;
}

/** A share from 0 to 1 as `48 %`; near the ends with one decimal, so that 100 % means all. */
export function percent(share: number): string {
  const value = share * 100;
  const exact = Math.abs(value - Math.round(value)) < 1e-9;
  return exact || (value >= 0.95 && value <= 99.05) ? `${Math.round(value)} %` : `${value.toFixed(1)} %`;
}

/** The text in lines of at most `width` characters, each indented by one space. */
export const indented = (text: string, width: number): string[] => hanging(' ', text, width);
