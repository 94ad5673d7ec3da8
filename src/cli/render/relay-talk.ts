// What a relay says about its work, in lines that a class can follow. Under load it prints a summary instead: a terminal is slower than
// a relay.

import { THROWAWAY } from '../../async/state.ts';
import type { Waiting } from '../../async/status.ts';
import { systemClock, type Timer } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { bytes } from '../../core/units.ts';
import { visible } from '../../core/visible.ts';
import { writeDuration } from '../input.ts';
import { own, say, sayWrapped } from './output.ts';
import { clockTime } from './showing.ts';

/** How many events per second get a line of their own; the rest of the second is summarised. */
const LINES_PER_S = 12;
/** How many mailboxes `waitingText` names. */
const NAMED = 4;

/** Says in one sentence who has mail waiting. */
export function waitingText(waiting: readonly Waiting[]): string {
  if (waiting.length === 0) return 'Nobody has mail.';
  const named = waiting
    .slice(0, NAMED)
    .map(({ name, held, oldest }) => `${who(name)} ${held}, since ${clockTime(oldest)}`);
  const more = waiting.length > NAMED ? ` and ${waiting.length - NAMED} more` : '';
  return `Waiting: ${named.join('; ')}${more}.`;
}

/** Narrates a relay's events on stderr, with bounded output. */
export class RelayTalk {
  #told = 0;
  #stored = 0;
  #acknowledged = 0;
  #expired = 0;
  #others = 0;
  #timer: Timer | undefined;

  /** Takes an event, and says it or counts it. */
  tell(event: Event): void {
    // Under load an event must cost no more than a comparison and an addition, so its text is made only if it is shown.
    if (this.#told >= LINES_PER_S) {
      if (event.event === 'stored') this.#stored += 1;
      else if (event.event === 'acknowledged') this.#acknowledged += 1;
      else if (event.event === 'expired') this.#expired += 1;
      else if (lineOf(event) !== undefined) this.#others += 1;
      return;
    }
    const line = lineOf(event);
    if (line === undefined) return;
    this.#timer ??= systemClock.after(1000, () => this.#sumUp());
    this.#told += 1;
    sayWrapped('', line, 2);
  }

  /** Says what has been counted and not said. */
  end(): void {
    this.#timer?.cancel();
    this.#sumUp();
  }

  #sumUp(): void {
    this.#timer = undefined;
    const counts = [
      [this.#stored, 'stored'],
      [this.#acknowledged, 'acknowledgements'],
      [this.#expired, 'expired'],
      [this.#others, 'other events'],
    ] as const;
    const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    if (parts.length > 0) say(own(`… and in the same second ${parts.join(', ')}`));
    this.#told = this.#stored = this.#acknowledged = this.#expired = this.#others = 0;
  }
}

// `send --wait` makes a throwaway mailbox, whose long random name means nothing to people.
const who = (name: string): string => (name.startsWith(THROWAWAY) ? `${THROWAWAY}${own('…')}` : name);

type MailboxEvent = Extract<Event, { event: 'mailbox' }>;

/** How a collector's end is told, by `how` of the event. */
const GONE: Readonly<Record<string, string>> = {
  bye: 'left (BYE)',
  fin: 'is gone: closed without BYE (FIN)',
  silent: 'is gone: no byte came, and no PONG',
  stalled: 'is gone: none of our bytes were taken',
  error: 'is gone: the connection ended with ERROR',
  superseded: 'has connected again: the older connection is closed',
  stopped: 'was told BYE: this relay stops',
  ECONNRESET: 'is gone: connection reset (ECONNRESET: RST)',
};

function mailboxLine({ name, state, how = 'fin', again = 0, held = 0 }: MailboxEvent): string {
  const box = who(name);
  if (state === 'collecting') return `${box} collects.`;
  const end =
    state === 'replaced'
      ? `another ${box} took over.`
      : `${box} ${GONE[how] ?? `is gone: the connection broke (${how})`}.`;
  // What was never sent to this collector waits, too, but not again.
  const rest = held > again ? `${held - again} more` : '';
  if (again > 0) return `${end} ${waiting(again)} again for ${box}${rest && `, and ${rest}`}.`;
  return held > 0 ? `${end} ${waiting(held)} for ${box}.` : end;
}

const waiting = (count: number): string => (count === 1 ? '1 message waits' : `${count} messages wait`);

function lineOf(event: Event): string | undefined {
  switch (event.event) {
    case 'stored': {
      const { to, seq, from, size, present, held, kind } = event;
      const what = kind === undefined ? `from ${from}, ${bytes(size)}` : `a ${kind}`;
      const waits =
        present === 'yes'
          ? `${who(to)} is connected.`
          : `${who(to)} is away: ${held} ${held === 1 ? 'waits' : 'wait'}.`;
      return `${who(to)} ${seq} ${what}, on disk. ${waits}`;
    }
    case 'acknowledged':
      return `${who(event.to)} ${event.seq} acknowledged.`;
    case 'expired':
      return `${who(event.to)} ${event.seq} expired; ${event.tried === 'no' ? 'it was never sent' : 'it may have been sent before'}.`;
    case 'mailbox':
      return mailboxLine(event);
    case 'refused':
      return `refused (${event.code}): ${visible(event.reason)}`;
    case 'silent':
      return `a client gave no sign of life for ${writeDuration(event.ms)}: connection closed.`;
    case 'freezing':
      return `frozen for ${writeDuration(event.ms)}: the program stands still, the kernel goes on.`;
    case 'thawed':
      return 'thawed.';
    case 'cut':
      return `The last commit was torn when the relay died; nothing in it had been acknowledged. ${bytes(event.bytes)} cut from ${event.file} at offset ${event.offset} and kept in a .torn file.`;
    case 'disk_full':
      return 'The disk is full: new messages are refused; receivers can still collect.';
    case 'disk_room':
      return 'There is room on the disk again: messages are accepted.';
    case 'notice':
      return visible(event.text);
    default:
      return undefined;
  }
}
