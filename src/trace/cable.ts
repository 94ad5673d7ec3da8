// A `detour link` in a diagram has no lane: it is the cable between two lanes. Here is where the cable goes and what it says. Pure.

import type { Event, Recorded } from '../core/event.ts';
import type { Channel, Process } from './model.ts';

/** The names of the two processes that a link joins: `from` is the client, `to` the server. */
export interface Cable {
  readonly from: string;
  readonly to: string;
}

/**
 * Finds the cable of each link. A link that several pairs use has none, because it is not a cable between two.
 * @param namesOf the names at the two ends of a channel, as far as they are known
 */
export function cablesOf(
  channels: readonly Channel[],
  namesOf: (channel: Channel) => { client?: string | undefined; server?: string | undefined },
): ReadonlyMap<Process, Cable> {
  const found = new Map<Process, Cable | undefined>();
  for (const channel of channels) {
    const { client: from, server: to } = namesOf(channel);
    if (from === undefined || to === undefined || from === to) continue;
    for (const { process } of channel.hops) {
      const known = found.get(process);
      const same = known?.from === from && known.to === to;
      if (!found.has(process)) found.set(process, { from, to });
      else if (!same) found.set(process, undefined);
    }
  }
  return new Map([...found].flatMap(([process, cable]) => (cable === undefined ? [] : [[process, cable]])));
}

/** The character that a cable is drawn with: `×` broken, `=` whole again, `~` slow or other, a blank for none. */
export type CableSign = '×' | '=' | '~' | ' ';

const SIGNS: Readonly<Record<string, CableSign>> = {
  heal: '=',
  accept: '=',
  latency: '~',
  jitter: '~',
  rate: '~',
  slice: '~',
  limit: '~',
};

/** The texts for an event of a link, from the longest to the shortest, and the character around them. */
export function cableTexts(recorded: Recorded): {
  readonly long: readonly string[];
  readonly short: readonly string[];
  readonly sign: CableSign;
} {
  if (recorded.event === 'fault') {
    const { fault, value, up, down } = recorded;
    const what = value === undefined ? fault : fault === 'cut' ? `cut (${value})` : `${fault} ${value}`;
    const sign = SIGNS[fault] ?? '×';
    const long = sign === '~' ? [what] : [`${what}; passed: ${up} up, ${down} down`, what];
    const size = value !== undefined && (fault === 'latency' || fault === 'rate') ? [value] : [];
    return { long, short: [what, ...size, fault], sign };
  }
  if (recorded.event === 'unlinked') {
    const { how, up, down } = recorded;
    const over = `over (${how === 'fin' ? 'FIN' : how})`;
    return { long: [`${over}: ${up} bytes up, ${down} down`, over], short: [over, 'over'], sign: '~' };
  }
  const what = WORDS[recorded.event] ?? recorded.event;
  return { long: [], short: [`link ${what}`, what], sign: '~' };
}

const WORDS: Readonly<Record<string, string>> = {
  listening: 'listens',
  stopping: 'gone',
  freezing: 'FROZEN',
};

/** The texts for an incomplete body, from the longest to the shortest: a bar such as `[======----] 60%`. */
export function barTexts({ have, size }: Extract<Event, { event: 'arriving' }>): {
  readonly long: readonly string[];
  readonly short: readonly string[];
} {
  const percent = `${Math.floor((100 * have) / size)}%`;
  const bar = (width: number): string => {
    const filled = Math.floor((width * have) / size);
    return `[${'='.repeat(filled)}${'-'.repeat(width - filled)}]`;
  };
  return {
    long: [`${bar(16)} ${percent} of ${size}`],
    short: [`${bar(10)} ${percent}`, `${bar(8)} ${percent}`, `${bar(3)}${percent}`, percent],
  };
}
