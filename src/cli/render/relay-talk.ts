// What a relay says about its work, in lines that a class can follow. When thirty people come in the same seconds, or under load, what
// happens together is told together: a terminal is slower than a relay, and so is a reader.

import type { Waiting } from '../../async/status.ts';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { bytes } from '../../core/units.ts';
import { visible } from '../../core/visible.ts';
import { writeDuration } from '../input.ts';
import { own, sayWrapped } from './output.ts';
import { RETURN_MAILBOX, who } from './return-mailbox.ts';
import { clockTime } from './showing.ts';

/** How many events per second get a line of their own. */
const LINES_PER_S = 12;
/** Of how many people each coming, going and acknowledgement gets a line of its own in a second, as long as there is no crowd. */
const FOLLOWED = 3;
/** How many events of a group are noted with their names in a second, and how many names are shown; the rest is counted. */
const NOTED = 200;
const SHOWN = 40;
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
  /** The people whose events get lines of their own in this second. */
  readonly #followed = new Set<string>();
  /** What is told together at the end of this second. */
  readonly #groups = new Map<string, Group>();
  /** Several came, went or acknowledged in the last second, so in this one nobody is followed. */
  #crowd = false;
  #timer: Timer | undefined;
  #explained = false;

  /** @param clock another clock, for tests */
  constructor(private readonly clock: Clock = systemClock) {}

  /** Takes an event, and says it now or with others like it within a second. */
  tell(event: Event): void {
    const kind = kindOf(event);
    // Under load an event must cost no more than a few comparisons, so its text is made only if it is shown.
    const group = this.#groups.get(kind);
    if (group !== undefined && group.count >= NOTED && kind !== 'other') {
      group.count += 1;
      return;
    }
    const line = lineOf(event);
    if (line === undefined) return;
    this.#timer ??= this.clock.after(1000, () => this.#sumUp());
    if (this.#told < LINES_PER_S && this.#follows(event)) {
      this.#told += 1;
      this.say(line);
    } else if (group === undefined) this.#groups.set(kind, new Group(event, line));
    else group.add(event);
  }

  #follows(event: Event): boolean {
    const name = personOf(event);
    if (name === undefined) return true;
    if (this.#crowd) return false;
    if (this.#followed.size < FOLLOWED) this.#followed.add(name);
    return this.#followed.has(name);
  }

  /** Says a line now. The first one with a name `w-…` is followed by what that is. */
  say(line: string): void {
    sayWrapped('', line, 2);
    if (this.#explained || !line.includes(who('w-'))) return;
    this.#explained = true;
    sayWrapped('  ', RETURN_MAILBOX, 4);
  }

  /** Says what has been noted and not said. */
  end(): void {
    this.#timer?.cancel();
    this.#sumUp();
    this.#timer?.cancel();
  }

  #sumUp(): void {
    this.#timer = undefined;
    const groups = ORDER.flatMap((start) =>
      [...this.#groups].filter(([kind]) => kind.startsWith(start)).map(([, group]) => group),
    );
    for (const group of groups) this.say(group.text());
    this.#crowd = groups.filter(({ first }) => personOf(first) !== undefined).some(({ count }) => count > 1);
    this.#groups.clear();
    this.#followed.clear();
    this.#told = 0;
    // Only a second without a crowd ends it.
    if (this.#crowd) this.#timer = this.clock.after(1000, () => this.#sumUp());
  }
}

/** The kinds of groups, in the order in which they are told: a person comes, acknowledges and goes. */
const ORDER = ['collecting', 'stored', 'acknowledged', 'expired', 'replaced', 'left', 'refused', 'other'];

function kindOf(event: Event): string {
  switch (event.event) {
    case 'stored':
    case 'acknowledged':
    case 'expired':
      return event.event;
    case 'mailbox':
      return event.state === 'left' ? `left ${event.how}` : event.state;
    case 'refused':
      return `refused ${event.code}`;
    default:
      return 'other';
  }
}

// Whose coming, going or acknowledgement this is; undefined for everything else.
function personOf(event: Event): string | undefined {
  if (event.event === 'mailbox') return event.name;
  return event.event === 'acknowledged' ? event.to : undefined;
}

/** Events of one kind that are told together. */
class Group {
  count = 0;
  /** How often each name is in it, as it is shown. */
  readonly #names = new Map<string, number>();

  /** @param line what is said if no other event joins it */
  constructor(
    readonly first: Event,
    private readonly line: string,
  ) {
    this.add(first);
  }

  add(event: Event): void {
    this.count += 1;
    const name = nameIn(event);
    if (name !== '') this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
  }

  text(): string {
    const { count, first } = this;
    if (count === 1) return this.line;
    const names = [...this.#names].slice(0, SHOWN);
    const shown = names.map(([name, times]) => (times === 1 ? name : `${name} ${own('×')}${times}`));
    const rest = count - names.reduce((sum, [, times]) => sum + times, 0);
    const all = rest > 0 && names.length > 0 ? [...shown, `and ${rest} more`] : shown;
    return `${count} ${together(first)}${all.length === 0 ? '' : `: ${all.join(', ')}`}.`;
  }
}

// What a group calls the person or the message of an event.
function nameIn(event: Event): string {
  switch (event.event) {
    case 'stored':
      return `${event.from} to ${who(event.to)}`;
    case 'acknowledged':
    case 'expired':
      return who(event.to);
    case 'mailbox': {
      const { name, again = 0, held = 0 } = event;
      const rest = again > 0 ? ` (${waits(again)} again)` : held > 0 ? ` (${waits(held)})` : '';
      return who(name) + rest;
    }
    default:
      return '';
  }
}

const waits = (count: number): string => `${count} ${count === 1 ? 'waits' : 'wait'}`;

// What happened to several, after their number.
function together(event: Event): string {
  switch (event.event) {
    case 'stored':
      return 'more on disk';
    case 'acknowledged':
    case 'expired':
      return event.event;
    case 'mailbox': {
      if (event.state === 'collecting') return 'collect';
      if (event.state === 'replaced') return 'were taken over by another';
      return gone(event.how).replace(/^is /, 'are ').replace(/^has /, 'have ').replace(/^was /, 'were ');
    }
    case 'refused':
      return `more were refused (${event.code})`;
    default:
      return 'other events in the same second';
  }
}

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

const gone = (how = 'fin'): string => GONE[how] ?? `is gone: the connection broke (${how})`;

function mailboxLine({ name, state, how, again = 0, held = 0 }: MailboxEvent): string {
  const box = who(name);
  if (state === 'collecting') return `${box} collects.`;
  const end = state === 'replaced' ? `another ${box} took over.` : `${box} ${gone(how)}.`;
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
      const rest = present === 'yes' ? `${who(to)} is connected.` : `${who(to)} is away: ${waits(held)}.`;
      return `${who(to)} ${seq} ${what}, on disk. ${rest}`;
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
