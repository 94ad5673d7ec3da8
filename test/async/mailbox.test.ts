// The rules of a mailbox against a naive model: a list of messages, each with its state, and every answer looked up from scratch.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mailbox } from '../../src/async/mailbox.ts';
import { seed } from '../seed.ts';

type State = 'written' | 'held' | 'expiring' | 'gone';

interface Message {
  readonly seq: number;
  readonly born: number;
  readonly ttl: number | undefined;
  state: State;
  attempts: number;
  /** Was it sent on the connection that is attached? */
  sent: boolean;
}

/** What a mailbox is supposed to do, written down without any thought of speed. */
class Model {
  messages: Message[] = [];
  watermark = 0;
  durableWatermark = 0;
  open = false;
  receiver: { window: number; left: number; drainUpTo: number | undefined } | undefined;

  add(now: number, ttl: number | undefined): void {
    this.messages.push({
      seq: this.messages.length + 1,
      born: now,
      ttl,
      state: 'written',
      attempts: 0,
      sent: false,
    });
  }

  overdue({ ttl, born }: Message, now: number): boolean {
    return ttl !== undefined && now >= born + ttl * 1000;
  }

  next(now: number): Message | undefined {
    if (this.receiver === undefined || !this.open || this.receiver.left === 0) return undefined;
    const inFlight = this.messages.filter(
      ({ sent, seq, state }) => sent && seq > this.watermark && state === 'held',
    ).length;
    if (inFlight >= this.receiver.window) return undefined;
    const first = this.messages.find(
      ({ seq, sent, state }) => seq > this.watermark && !sent && state !== 'gone',
    );
    return first?.state === 'held' && !this.overdue(first, now) ? first : undefined;
  }

  highestSent(): number {
    return Math.max(this.watermark, ...this.messages.filter(({ sent }) => sent).map(({ seq }) => seq));
  }

  expirable(now: number): Message[] {
    return this.messages.filter(
      (message) => message.state === 'held' && !message.sent && this.overdue(message, now),
    );
  }

  drained(): boolean {
    const upTo = this.receiver?.drainUpTo;
    if (this.receiver === undefined || upTo === undefined || this.durableWatermark !== this.watermark)
      return false;
    if (this.messages.some(({ seq, state }) => seq <= upTo && state !== 'gone')) return false;
    this.receiver.drainUpTo = undefined;
    return true;
  }

  detach(): void {
    this.receiver = undefined;
    for (const message of this.messages) message.sent = false;
  }
}

const step = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    ttl: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('stored' as const) }),
  fc.record({
    do: fc.constant('attach' as const),
    window: fc.integer({ min: 1, max: 4 }),
    limit: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    drain: fc.boolean(),
  }),
  fc.record({ do: fc.constant('detach' as const) }),
  fc.record({ do: fc.constant('open' as const) }),
  fc.record({ do: fc.constant('send' as const) }),
  fc.record({ do: fc.constant('send' as const) }),
  fc.record({ do: fc.constant('ack' as const), above: fc.integer({ min: -1, max: 5 }) }),
  fc.record({ do: fc.constant('ackDurable' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ do: fc.constant('expire' as const) }),
  fc.record({ do: fc.constant('expired' as const) }),
);

test('a mailbox does what its rules say, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), (steps) => {
      const box = new Mailbox('bob');
      const model = new Model();
      let now = 0;
      for (const one of steps) {
        switch (one.do) {
          case 'add': {
            model.add(now, one.ttl);
            const held = box.add({ id: 'x', from: 'alice', at: 0, born: now, size: 1, ttl: one.ttl });
            expect(held.seq).toBe(model.messages.length);
            break;
          }
          case 'stored': {
            const message = model.messages.find(({ state }) => state === 'written');
            if (message === undefined) break;
            message.state = 'held';
            box.stored(message.seq, { segment: 1, offset: 0, length: 1 });
            break;
          }
          case 'attach': {
            const again = model.receiver !== undefined;
            const { window, limit, drain } = one;
            box.attach({ window, limit, drain }, again);
            const drainUpTo = drain ? model.messages.length : undefined;
            model.receiver = { window, left: limit ?? Number.POSITIVE_INFINITY, drainUpTo };
            break;
          }
          case 'detach':
            box.detach();
            model.detach();
            break;
          case 'open':
            box.open = 'yes';
            model.open = true;
            break;
          case 'send': {
            const message = model.next(now);
            const held = box.nextToSend(now);
            expect(held?.seq).toBe(message?.seq);
            if (message === undefined || held === undefined || model.receiver === undefined) break;
            expect(box.triedOf(held)).toBe(message.attempts > 0 ? 'yes' : 'no');
            message.sent = true;
            message.attempts += 1;
            model.receiver.left -= 1;
            box.sent(held.seq);
            expect(held.attempts).toBe(message.attempts);
            break;
          }
          case 'ack': {
            // What is beyond the last one sent, but only by expired ones, may be accepted or not: nobody was sent it.
            const seq = Math.max(1, model.watermark + one.above);
            const gap = model.messages.slice(model.highestSent(), seq);
            if (seq > model.highestSent() && gap.every(({ state }) => state === 'gone')) break;
            const answer = box.ack(seq);
            if (seq <= model.watermark) expect(answer).toBe('old');
            else if (model.receiver === undefined || seq > model.highestSent()) expect(answer).toBe('bad');
            else {
              const freed = model.messages.filter(
                (message) => message.seq > model.watermark && message.seq <= seq && message.state === 'held',
              );
              expect(Array.isArray(answer) && answer.map(({ seq }) => seq)).toEqual(
                freed.map(({ seq }) => seq),
              );
              for (const message of freed) message.state = 'gone';
              model.watermark = seq;
            }
            break;
          }
          case 'ackDurable':
            box.acknowledged(model.watermark);
            model.durableWatermark = model.watermark;
            break;
          case 'wait':
            now += one.ms;
            break;
          case 'expire':
            for (const message of model.messages) {
              expect(box.expirable(message.seq, now)).toBe(model.expirable(now).includes(message));
            }
            for (const message of model.expirable(now)) {
              box.expire(message.seq);
              message.state = 'expiring';
            }
            break;
          case 'expired':
            for (const message of model.messages.filter(({ state }) => state === 'expiring')) {
              box.expired(message.seq);
              message.state = 'gone';
            }
            break;
        }
        expect(box.drained()).toBe(model.drained());
        const held = model.messages.filter(({ state }) => state === 'held');
        expect(box.count).toBe(held.length);
        expect(box.bytes).toBe(held.length);
        expect(box.watermark).toBe(model.watermark);
        const oldest = model.messages.find(({ state }) => state === 'held' || state === 'written');
        expect(box.oldest?.seq).toBe(oldest?.state === 'held' ? oldest.seq : undefined);
        const quiet =
          model.messages.every(({ state }) => state === 'gone') && model.durableWatermark === model.watermark;
        expect(box.idle).toBe(quiet && model.receiver === undefined);
      }
    }),
    { numRuns: 2000, ...seed() },
  );
});
