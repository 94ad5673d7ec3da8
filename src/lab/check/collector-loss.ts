// Does a collector lose mail when it is killed? It must acknowledge only what it has shown.

import { ACKS, ASKS, asked, bytesOf, joined, lettersOf, Mailbox, READY, SHOW } from './mailbox.ts';
import { Failed, Undecided } from './outcome.ts';
import { blockOutput, largeBody, mustShow } from './output.ts';
import { mustSay, play } from './played-server.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** How often the collector is killed in one stage. */
const KILLS = 6;
/** How long it is frozen. */
const FREEZE_MS = 1000;

const again: Stage = {
  name: 'AGAIN',
  does: 'takes a message again that it may have seen, after it was killed before its ACK',
  points: 2,
  section: 'Receiving',
  async run(attempt) {
    const body = Buffer.from(attempt.word());
    let isFirst = true;
    let mailbox = new Mailbox([]);
    const played = await asked(attempt, {
      ready: READY,
      take: async (found, wire) => {
        if (!isFirst) await mailbox.part().take?.(found, wire);
        else if (found.verb === 'RECEIVE') wire.send(bytesOf({ seq: 7, body }));
      },
    });
    await mustShow(attempt, [body.toString()], SHOW);
    await attempt.kill();
    isFirst = false;
    mailbox = new Mailbox([{ seq: 7, body, more: ' attempt=2' }]);
    await attempt.start();
    if (!(await attempt.until(() => mailbox.acked === 7, attempt.deadlineMs + 3000)))
      throw played.failed('ACK seq=7', `attempt=2 says that an earlier process may have shown it. ${ACKS}`);
  },
};

const killed: Stage = {
  name: 'KILLED',
  does: `has shown what it acknowledged, also when it is killed (${KILLS} kills)`,
  points: 3,
  section: 'Receiving',
  async run(attempt) {
    const mailboxes: Mailbox[] = [];
    await play(attempt, {
      ready: READY,
      take: (found, wire) => mailboxes.at(-1)?.part().take?.(found, wire),
    });
    for (let kill = 0; kill < KILLS; kill += 1) {
      const mail = lettersOf(attempt, 400).map((body, index) => ({ seq: index + 1, body }));
      const mailbox = new Mailbox(mail, joined);
      mailboxes.push(mailbox);
      const program = await attempt.start();
      const enough = 1 + attempt.below(200);
      const busy = await attempt.until(() => mailbox.acked >= enough || program.exit !== undefined, 15_000);
      if (!busy)
        throw new Failed({
          expected: `ACKs up to seq=${enough}`,
          came: `ACKs up to seq=${mailbox.acked}`,
          why: ACKS,
        });
      if (program.exit !== undefined && mailbox.acked >= mail.length)
        throw new Undecided('It had collected everything before it was killed.');
      await attempt.kill();
      const lost = mail.filter(
        ({ seq, body }) => seq <= mailbox.acked && !program.shown.includes(body.toString()),
      );
      if (lost.length > 0)
        throw new Failed({
          sent: `a kill after ${mailbox.acks.length} ACKs`,
          expected: `everything up to seq=${mailbox.acked} on its stdout`,
          came: `ACK for seq=${lost.map(({ seq }) => seq).join(', ')}, never shown`,
          why: 'The relay forgets what was acknowledged: these messages are lost. Show and flush, then acknowledge.',
        });
    }
  },
};

const frozen: Stage = {
  name: 'FROZEN',
  does: 'shows and acknowledges what came while it was frozen',
  points: 2,
  section: 'Heartbeats',
  async run(attempt) {
    const mailbox = new Mailbox(lettersOf(attempt, 3).map((body, index) => ({ seq: index + 1, body })));
    const wires: Wire[] = [];
    const played = await asked(attempt, { ready: READY, take: (_, wire) => void wires.push(wire) });
    await attempt.frozen(async () => {
      for (const one of mailbox.mail) wires[0]?.send(bytesOf(one));
      await attempt.pass(FREEZE_MS);
    });
    await mustShow(
      attempt,
      mailbox.mail.map(({ body }) => body.toString()),
      'Its kernel took these messages while it was frozen: they must not be lost.',
    );
    await mustSay(attempt, played, 'ACK seq=3', ACKS);
    wires[0]?.send('PING\n');
    await mustSay(attempt, played, 'PONG', 'A freeze ends nothing: it goes on as before.');
  },
};

const shown: Stage = {
  name: 'SHOWN',
  does: 'acknowledges a message only after it has shown it',
  points: 3,
  section: 'Receiving',
  async run(attempt) {
    const { body, word } = largeBody(attempt);
    const mailbox = new Mailbox([{ seq: 1, body }]);
    const played = await play(attempt, mailbox.part());
    await attempt.start();
    blockOutput(attempt);
    await mustSay(attempt, played, 'RECEIVE window=*', ASKS);
    const early = await attempt.until(() => mailbox.acks.length > 0, 500);
    attempt.program.resume();
    if (early)
      throw new Failed({
        sent: `MESSAGE seq=1 with ${body.length} bytes, while nobody read the program's stdout`,
        expected: 'no ACK until somebody reads it',
        came: 'ACK seq=1',
        why: 'It acknowledged before it had shown the message. Killed in between, it would have lost it: the relay has forgotten it.',
      });
    await mustShow(attempt, [word], SHOW);
    if (!(await attempt.until(() => mailbox.acked === 1))) throw played.failed('ACK seq=1', ACKS);
  },
};

/** The stages in which mail could be lost. */
export const LOSS_STAGES: readonly Stage[] = [again, frozen, killed, shown];
