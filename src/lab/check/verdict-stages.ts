// Which verdict a sender must come to, whatever happens in place of the answer.

import { type Frame, frame } from './frames.ts';
import { Failed, Undecided } from './outcome.ts';
import { mustSay, type Part } from './played-server.ts';
import {
  answerTo,
  environmentOf,
  mustConclude,
  onSend,
  SENDS,
  type SendingRole,
  SHORT_S,
  sending,
  VERDICT_MS,
  type Verdict,
} from './sending.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

const SECTION = 'What a sender may conclude';

const SAME_ID =
  'A repeat keeps the id of the first attempt: only by that does the relay know that it is the same message.';

/** A stage in which the server ends or answers in another way, and the sender must come to one verdict. */
interface About extends Omit<Stage, 'run' | 'section'> {
  readonly sent: string;
  readonly why: string;
  readonly seconds?: number;
}

/** The stages in which a sender does not get the answer that it hopes for. */
export function verdictStages(kind: SendingRole): readonly Stage[] {
  const { ready, repeats } = kind;
  const [server, handled] = repeats ? ['relay', 'stored'] : ['receiver', 'shown'];
  const mayBe = `It may have been ${handled} before that, or not: nobody can know. NOT DELIVERED is said only when it is certain.`;
  // Who repeats until its deadline is over gets a short one.
  const secondsOf = (seconds: number | undefined): number | undefined =>
    seconds ?? (repeats ? SHORT_S : undefined);

  // The server answers a SEND in some way, each time it comes. With `isLast` it lets nobody in after that.
  const answered = (
    about: About & { readonly verdict: Verdict; readonly isLast?: boolean },
    take: (found: Frame, wire: Wire) => Promise<void> | void,
  ): Stage => {
    const { sent, why, verdict, seconds, isLast = false, ...stage } = about;
    return {
      ...stage,
      section: SECTION,
      async run(attempt) {
        const letIn = (wire: Wire): void => {
          if (!isLast || wire === played.wires[0]) wire.send(ready);
          else wire.finish();
        };
        const played = await sending(
          attempt,
          kind,
          [attempt.word()],
          { greet: letIn, take: onSend(take) },
          secondsOf(seconds),
        );
        await mustSay(attempt, played, kind.send, SENDS);
        await mustConclude(attempt, [verdict], sent, why);
        const ids = played.frames.flatMap(({ verb, fields }) => (verb === 'SEND' ? [fields.get('id')] : []));
        if (repeats && new Set(ids).size > 1)
          throw new Failed({
            sent,
            expected: 'one id',
            came: `SEND with id=${[...new Set(ids)].join(', ')}`,
            why: SAME_ID,
          });
        if (!repeats && ids.length > 1)
          throw new Failed({
            sent,
            expected: 'one SEND',
            came: `${ids.length} SENDs`,
            why: 'A receiver remembers nothing. A synchronous sender that repeats by itself may deliver a message twice.',
          });
      },
    };
  };

  // It never comes to a SEND, so the verdict is certain.
  const certain = (about: About, part: Part): Stage => {
    const { sent, why, seconds, ...stage } = about;
    return {
      ...stage,
      section: SECTION,
      async run(attempt) {
        const played = await sending(
          attempt,
          kind,
          [attempt.word()],
          { take: undefined, ...part },
          secondsOf(seconds),
        );
        const came = await attempt.until(
          () => played.wires.length > 0 || attempt.program.exit !== undefined,
          VERDICT_MS,
        );
        if (came === undefined || played.wires.length === 0) throw attempt.notConnected();
        await mustConclude(attempt, ['NOT DELIVERED'], sent, why);
        if (played.frames.some(({ verb }) => verb === 'SEND'))
          throw new Failed({
            sent,
            expected: 'no SEND',
            came: 'SEND',
            why: 'It must not send before it has read a READY that it can accept.',
          });
      },
    };
  };

  const nobody: Stage = {
    name: 'NOBODY',
    does: 'says NOT DELIVERED if nobody listens',
    points: 1,
    section: SECTION,
    async run(attempt) {
      await attempt.reserve();
      const program = await attempt.start(environmentOf(attempt, kind, secondsOf(undefined)));
      program.input(`${attempt.word()}\n`);
      await attempt.until(() => program.exit, VERDICT_MS);
      if (!(await attempt.isNobody()))
        throw new Undecided('Another program has taken the port where nobody should listen.');
      await mustConclude(
        attempt,
        ['NOT DELIVERED'],
        'nothing: nobody listens, so the system refuses the connection',
        'No byte of the message has left.',
      );
    },
  };

  return [
    nobody,
    answered(
      {
        name: 'REFUSED',
        does: `says NOT DELIVERED if the ${server} refuses`,
        points: 1,
        verdict: 'NOT DELIVERED',
        sent: 'REFUSED with the id of the message',
        why: 'REFUSED says that this message was not taken, and will not be.',
      },
      (found, wire) => wire.send(frame(`REFUSED id=${found.fields.get('id')} code=wrong_name`, 'No.')),
    ),
    certain(
      {
        name: 'GONE',
        does: 'says NOT DELIVERED if the server closes before READY',
        points: 1,
        sent: 'FIN in place of READY',
        why: 'No SEND was written, so nothing can have been delivered.',
      },
      { greet: (wire) => wire.finish() },
    ),
    certain(
      {
        name: 'FULL',
        does: 'says NOT DELIVERED if an ERROR comes in place of READY',
        points: 1,
        sent: 'ERROR code=too_many in place of READY',
        why: 'No SEND was written, so nothing can have been delivered.',
      },
      {
        greet: (wire) => {
          wire.send(frame('ERROR code=too_many', 'full'));
          wire.finish();
        },
      },
    ),
    certain(
      {
        name: 'ROLE',
        does: 'sends nothing to a server of another role',
        points: 1,
        sent: `READY role=${repeats ? 'receiver' : 'relay'}`,
        why: repeats
          ? 'A receiver keeps nothing: this program wants a relay.'
          : 'A relay would store the message and not show it: this sender wants a receiver.',
      },
      { ready: kind.foreign },
    ),
    certain(
      {
        name: 'VERSION',
        does: 'sends nothing to a server of a higher version',
        points: 1,
        sent: 'READY version=2',
        why: 'What version 2 means by a SEND is not known.',
      },
      { ready: ready.replace('version=1', 'version=2') },
    ),
    certain(
      {
        name: 'MUTE',
        does: 'says NOT DELIVERED if READY does not come in time',
        points: 2,
        seconds: SHORT_S,
        sent: 'nothing: the connection is accepted, and no READY comes',
        why: 'A frozen program looks like this. No SEND was written, so the verdict is certain.',
      },
      { ready: undefined },
    ),
    answered(
      {
        name: 'BYE',
        does: 'says NOT DELIVERED if BYE comes in place of the answer',
        points: 1,
        verdict: 'NOT DELIVERED',
        isLast: true,
        sent: 'BYE in place of the answer',
        why: 'A server that says BYE has answered what it has taken: this message it has not.',
      },
      (_, wire) => {
        wire.send('BYE\n');
        wire.finish();
      },
    ),
    answered(
      {
        name: 'FIN',
        does: 'says UNKNOWN if the connection ends before the answer',
        points: 2,
        verdict: 'UNKNOWN',
        sent: 'FIN in place of the answer',
        why: mayBe,
      },
      (_, wire) => wire.finish(),
    ),
    answered(
      {
        name: 'RST',
        does: 'says UNKNOWN if the connection is reset before the answer',
        points: 2,
        verdict: 'UNKNOWN',
        sent: 'RST in place of the answer',
        why: mayBe,
      },
      (_, wire) => wire.reset(),
    ),
    answered(
      {
        name: 'HALF',
        does: 'takes half an answer for none',
        points: 1,
        verdict: 'UNKNOWN',
        sent: `${kind.verb} without its line end, then FIN`,
        why: `An incomplete frame has no effect. ${mayBe}`,
      },
      (found, wire) => {
        wire.send(answerTo(kind, found, wire).trimEnd());
        wire.finish();
      },
    ),
    answered(
      {
        name: 'OTHER',
        does: 'takes the answer to another message for none',
        points: 1,
        verdict: 'UNKNOWN',
        sent: `${kind.verb} with another id, then FIN`,
        why: `An answer belongs to the message with its id. ${mayBe}`,
      },
      (_, wire) => {
        wire.send(kind.answer('somebody-else', 1));
        wire.finish();
      },
    ),
    answered(
      {
        name: 'ERROR',
        does: 'says UNKNOWN if ERROR comes in place of the answer',
        points: 1,
        verdict: 'UNKNOWN',
        sent: 'ERROR code=failed in place of the answer',
        why: `The ${server} failed while it handled the message. ${mayBe}`,
      },
      (_, wire) => {
        wire.send(frame('ERROR code=failed', 'the disk is full'));
        wire.finish();
      },
    ),
    answered(
      {
        name: 'SILENCE',
        does: 'says UNKNOWN if no answer comes in time',
        points: 2,
        verdict: 'UNKNOWN',
        seconds: SHORT_S,
        sent: 'READY, and then nothing',
        why: mayBe,
      },
      () => {},
    ),
  ];
}
