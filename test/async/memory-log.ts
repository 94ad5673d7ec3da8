// A log in memory for tests of what the relay says. The test decides what is durable, and when. No test is in here.

import type { OpenLog } from '../../src/async/log/log.ts';
import { MemoryLog } from '../../src/async/log/memory.ts';
import { framesIn } from '../../src/wire/frame.ts';

const NOTHING = Buffer.alloc(0);

/** A log in memory that a relay has opened, or will open. */
export class TestLog {
  /** If true, nothing becomes durable until `release`. */
  held = false;
  /** For `startRelay`. */
  readonly open: OpenLog;
  #opened: MemoryLog | undefined;

  /** @param before what an earlier relay left. None of it is in memory any more, so messages must be read back */
  constructor(before?: TestLog) {
    this.open = async (owner) => {
      const log = await MemoryLog.open(owner, before?.log);
      this.#opened = log;
      // Unlike in a real log, what was appended before `held` was set stays undurable with the rest.
      log.automatic = false;
      const append = log.append.bind(log);
      log.append = (...parts) => {
        const lsn = append(...parts);
        setImmediate(() => {
          if (!this.held) log.sync();
        });
        return lsn;
      };
      return log;
    };
  }

  /** The log itself. A test may replace its `read`, so that reads are slow or fail. */
  get log(): MemoryLog {
    if (this.#opened === undefined) throw new Error('no relay has opened this log');
    return this.#opened;
  }

  /** Lets everything become durable, now and from now on. */
  release(): void {
    this.held = false;
    this.log.sync();
  }

  /** Is there room? */
  set room(room: MemoryLog['room']) {
    this.log.room = room;
    this.log.owner.room();
  }

  /** The number of entries that are not durable yet. */
  get undurable(): number {
    return this.log.end - this.log.durable;
  }

  /** The number of client messages that are not durable yet. */
  get pending(): number {
    return messagesIn(this.log.entries.slice(this.log.durable));
  }

  /** The number of client messages that are durable. */
  get messages(): number {
    return messagesIn(this.log.entries.slice(0, this.log.durable));
  }

  /** What is durable: the header of each entry and of the frames in it, without sizes and times. */
  get lines(): string[] {
    return this.log.entries.slice(0, this.log.durable).map((bytes) => {
      const [outer] = framesIn(bytes) ?? [];
      const inner = framesIn(outer?.body ?? NOTHING) ?? [];
      const words = [...(outer === undefined ? [] : [outer]), ...inner].map(({ verb, fields }) =>
        [verb, ...[...fields].filter(([key]) => !IGNORED.has(key)).map((pair) => pair.join('='))].join(' '),
      );
      return words.join(' | ');
    });
  }
}

const IGNORED = new Set(['at', 't', 'size', 'ttl']);

// Kept, because a test asks again and again.
const counted = new WeakMap<Buffer, number>();

function messagesIn(entries: readonly Buffer[]): number {
  return entries.reduce((sum, bytes) => {
    const count = counted.get(bytes) ?? countOf(bytes);
    counted.set(bytes, count);
    return sum + count;
  }, 0);
}

function countOf(bytes: Buffer): number {
  const [outer] = framesIn(bytes) ?? [];
  return outer?.verb === 'SEND' ? (framesIn(outer.body ?? NOTHING) ?? []).length : 0;
}
