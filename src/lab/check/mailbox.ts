// A relay's mailbox as the check plays it for a collector.

import type { Attempt } from './attempt.ts';
import { type Frame, frame } from './frames.ts';
import { Failed } from './outcome.ts';
import { mustShow } from './output.ts';
import { mustSay, type Part, type PlayedServer, play } from './played-server.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** What the check says when it plays the relay. */
export const READY = 'READY version=1 role=relay as=relay max=1048576 window=256 store=c0ffee\n';
/** Why a message should have been shown. */
export const SHOW = 'Every message must come out on stdout, as soon as it is there.';
/** Why a message should have been acknowledged. */
export const ACKS = 'A message that has been shown is acknowledged by its number: otherwise it comes again.';

/** Why RECEIVE should have come. */
export const ASKS = 'It asks for its mail with RECEIVE.';

/** A message that waits for the collector. */
export interface Mail {
  readonly seq: number;
  readonly body: Buffer;
  /** More keys, with a space before each. */
  readonly more?: string | undefined;
}

/** Sends MESSAGEs in some way. */
type Put = (messages: readonly Buffer[], wire: Wire) => Promise<void> | void;

/** Sends each MESSAGE in a segment of its own, as far as the system allows: JOINED mail has a stage of its own. */
const apart: Put = async (messages, wire) => {
  for (const bytes of messages) {
    wire.send(bytes);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** Sends all MESSAGEs in one write. */
export const joined: Put = (messages, wire) => wire.send(Buffer.concat(messages));

/** A mailbox that the check plays, and what the collector has said of it. */
export class Mailbox {
  readonly mail: readonly Mail[];
  /** The numbers that were acknowledged, in the order in which the ACKs came. */
  readonly acks: number[] = [];
  /** The window that the collector asked for; 0 as long as it has not. */
  window = 0;
  /** Does it want EMPTY? */
  drain = false;
  #sent = 0;
  #isEmpty = false;
  /** Is EMPTY sent to a collector that wants it? One that gets none stays, and cannot flush its output by leaving. */
  isEnding = false;
  /** When everything that could be sent had been sent; Infinity while something is being sent. */
  sentAt = Number.NEGATIVE_INFINITY;
  readonly #put: Put;

  constructor(mail: readonly Mail[], put: Put = apart) {
    this.mail = mail;
    this.#put = put;
  }

  /** The highest number that was sent. */
  get highest(): number {
    return this.mail[this.#sent - 1]?.seq ?? 0;
  }

  /** The highest number that was acknowledged. */
  get acked(): number {
    return Math.max(0, ...this.acks);
  }

  /** What the played relay does with this mailbox. */
  part(): Part {
    return { ready: READY, take: (found, wire) => this.#take(found, wire) };
  }

  async #take(found: Frame, wire: Wire): Promise<void> {
    if (found.verb === 'RECEIVE') {
      this.window = Number(found.fields.get('window') ?? 0);
      this.drain = found.fields.get('drain') === 'yes';
    } else if (found.verb === 'ACK') {
      const seq = Number(found.fields.get('seq'));
      if (!(seq <= this.highest))
        throw new Failed({
          sent: `MESSAGEs up to seq=${this.highest}`,
          expected: `an ACK up to seq=${this.highest}`,
          came: `ACK seq=${found.fields.get('seq')}`,
          why: 'Only what was sent on this connection can be acknowledged.',
        });
      this.acks.push(seq);
    } else return;
    await this.#send(wire);
  }

  async #send(wire: Wire): Promise<void> {
    const waiting = this.mail.slice(0, this.#sent).filter(({ seq }) => seq > this.acked).length;
    const next = this.mail.slice(this.#sent, this.#sent + Math.max(0, this.window - waiting));
    this.#sent += next.length;
    if (next.length > 0) {
      this.sentAt = Number.POSITIVE_INFINITY;
      await this.#put(next.map(bytesOf), wire);
      this.sentAt = performance.now();
    }
    const last = this.mail.at(-1)?.seq ?? 0;
    if (this.isEnding && this.drain && !this.#isEmpty && this.acked >= last) {
      this.#isEmpty = true;
      wire.send('EMPTY\n');
    }
  }
}

/** A MESSAGE as bytes. */
export const bytesOf = ({ seq, body, more = ' attempt=1' }: Mail): Buffer =>
  frame(`MESSAGE seq=${seq} id=m-${seq} from=alice at=1767225600000 held=5${more}`, body);

/** Bodies that are a random word each. */
export const lettersOf = (attempt: Attempt, count: number): Buffer[] =>
  Array.from({ length: count }, () => Buffer.from(attempt.word()));

/** Plays the relay, starts the program, and waits until it asks for its mail. */
export async function asked(attempt: Attempt, part: Part): Promise<PlayedServer> {
  const played = await play(attempt, part);
  await attempt.start();
  await mustSay(attempt, played, 'RECEIVE window=*', ASKS);
  return played;
}

/** Starts the program, plays the relay, and waits until all mail is shown and acknowledged. */
export async function collecting(attempt: Attempt, mailbox: Mailbox, why: string): Promise<PlayedServer> {
  const played = await asked(attempt, mailbox.part());
  const words = mailbox.mail.flatMap(({ body }) => body.toString('latin1').match(/[a-z0-9]{16}/g) ?? []);
  // Sending byte by byte takes its time: the deadline of the program counts from the end of that.
  const isShown = (): boolean => words.every((word) => attempt.program.shown.includes(word));
  while (!(await attempt.until(isShown)) && mailbox.sentAt > performance.now() - attempt.deadlineMs);
  await mustShow(attempt, words, why);
  const last = mailbox.mail.at(-1)?.seq ?? 0;
  if (!(await attempt.until(() => mailbox.acked >= last))) throw played.failed(`ACK seq=${last}`, ACKS);
  const places = words.map((word) => attempt.program.shown.indexOf(word));
  if (places.some((place, index) => place < (places[index - 1] ?? 0)))
    throw new Failed({
      expected: 'the messages on stdout in the order of their numbers',
      came: 'another order',
      why: 'A mailbox is a queue: first in, first out.',
    });
  return played;
}

/** A stage in which everything in a mailbox must be shown and acknowledged. */
export const collectStage = (
  about: Omit<Stage, 'run'> & { readonly why: string },
  mailbox: (attempt: Attempt) => Mailbox,
): Stage => {
  const { why, ...stage } = about;
  return { ...stage, run: async (attempt) => void (await collecting(attempt, mailbox(attempt), why)) };
};
