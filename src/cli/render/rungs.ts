// How the ladder of a message (--ladder) looks: one line per rung, with who vouches for it. exchange/ladder.ts finds out what was reached.

import { DetourError } from '../../core/error.ts';
import type { Event, RungName } from '../../core/event.ts';

/** The names that appear in the rungs. */
export interface RungNames {
  readonly route: 'sync' | 'async';
  /** The server: `bob`, `the relay`. */
  readonly peer: string;
  /** The address of the connection: `127.0.0.1:4101`. */
  readonly address: string;
  /** Whom the message is for: `bob`. */
  readonly recipient: string;
}

const LABELS: Readonly<Record<RungName, string>> = {
  handed: '1 handed over',
  acknowledged: '2 acknowledged',
  read: '3 read',
  durable: '4 durable',
  handled: '5 handled',
};

/** The widths of the first two columns: the rung's name, and where it is. */
const NAME = 16;
const WHERE = 26;

/** The heading of a ladder, after the column of times. */
export const LADDER_HEAD = `${'rung'.padEnd(NAME)}${'where'.padEnd(WHERE)}who vouches for it`;

/** One rung as text, to follow its time. */
export function rungText(event: Extract<Event, { event: 'rung' }>, names: RungNames): string {
  return `${LABELS[event.rung].padEnd(NAME)}${where(event, names).padEnd(WHERE - 1)} ${voucher(event, names)}`;
}

function where(
  { rung, by }: Extract<Event, { event: 'rung' }>,
  { route, peer, recipient }: RungNames,
): string {
  switch (rung) {
    case 'handed':
      return 'to my kernel';
    case 'acknowledged':
      return 'by the other kernel';
    case 'read':
      return `by ${peer}'s program`;
    case 'durable':
      if (route === 'sync') return 'on a disk';
      // A repeat: the message was there once, and may be gone by now.
      return by === 'STORED dup=yes' ? `once on ${peer}'s disk` : `on ${peer}'s disk`;
    case 'handled':
      return `by ${recipient}'s program`;
  }
}

function voucher(
  { rung, state, by = '', left = 0 }: Extract<Event, { event: 'rung' }>,
  { peer, address }: RungNames,
): string {
  switch (state) {
    case 'reached':
      break;
    case 'no':
      return 'no, for certain';
    case 'unknown':
      return left === 0 ? 'not known' : `no: ${left} bytes missing`;
    case 'unseen':
      return 'cannot be seen from here';
    case 'none':
      return 'nobody: sync keeps nothing';
    case 'unasked':
      return 'not known: --wait asks';
  }
  if (by === 'kernel') return 'my kernel';
  if (by === 'ack') return `that of ${address}`;
  const own = (rung === 'read' && by === 'PONG') || rung === 'durable' || rung === 'handled';
  if (!own) return `${by} implies it`;
  return rung === 'durable' || by === 'receipt' ? `${peer}: ${by}` : `${peer}'s program: ${by}`;
}

/** Refuses --ladder with --count, because a ladder is about one message. @throws DetourError `usage` */
export function checkLadder(flags: {
  readonly ladder?: boolean | undefined;
  readonly count?: number | undefined;
}): void {
  if (flags.ladder && flags.count !== undefined)
    throw new DetourError(
      'usage',
      '--ladder shows the rungs of one message, but --count sends many.',
      'Give one of the two.',
    );
}
