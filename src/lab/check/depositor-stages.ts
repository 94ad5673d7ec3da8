// What an asynchronous sender must do: hand its messages to a relay, and repeat under the same id what was not answered.

import { frame, frameText } from './frames.ts';
import { Failed } from './outcome.ts';
import { mustSay, type PlayedServer } from './played-server.ts';
import { senderStages } from './sender-stages.ts';
import { answerTo, mustConclude, onSend, SENDS, type SendingRole, sending } from './sending.ts';
import type { Stage } from './stage.ts';

/** The deadline of a sender whose repeats must be seen, in seconds. */
const PATIENT_S = 2;

const KIND: SendingRole = {
  role: 'depositor',
  ready: 'READY version=1 role=relay as=relay max=1048576 window=2 store=c0ffee\n',
  foreign: 'READY version=1 role=receiver as=bob max=1048576 window=1\n',
  window: 2,
  send: 'SEND id=* to=bob size=*',
  verb: 'STORED',
  answer: (id, count) => `STORED id=${id} seq=${count} present=never\n`,
  good: 'STORED',
  means: 'STORED with the id of the message: it is on the disk of the relay.',
  repeats: true,
};

const sendsOn = (played: PlayedServer, connection: number) =>
  (played.wires[connection]?.frames ?? []).filter(({ verb }) => verb === 'SEND');

/** If the client names its session, it is the same on each connection, and each has a higher try. @throws Failed if not */
function mustBeOneSession({ wires }: PlayedServer): void {
  const hellos = wires.flatMap(({ frames }) => frames.filter(({ verb }) => verb === 'HELLO'));
  const [first] = hellos;
  const session = first?.fields.get('session');
  if (session === undefined) return;
  const tries = hellos.map(({ fields }) => Number(fields.get('try') ?? 1));
  const isOne = hellos.every(({ fields }) => fields.get('session') === session);
  if (isOne && tries.every((count, index) => index === 0 || count > (tries[index - 1] ?? 0))) return;
  throw new Failed({
    sent: 'RST after the first SEND',
    expected: 'HELLO with the same session=, and a higher try= on each connection',
    came: hellos.map(frameText).join(', then '),
    why: 'By these the relay tells the newest connection of a program from its ghosts: it answers any other with ERROR code=stale.',
  });
}

const again: Stage = {
  name: 'AGAIN',
  does: 'repeats under the same id, on a new connection, what was not answered',
  points: 3,
  section: 'Repeats',
  async run(attempt) {
    const lines = [attempt.word(), attempt.word(), attempt.word()];
    const played = await sending(attempt, KIND, lines, {
      take: onSend(async (found, wire) => {
        if (wire !== played.wires[0]) return wire.send(answerTo(KIND, found, wire));
        await attempt.pass(100);
        wire.reset();
      }),
    });
    await mustSay(attempt, played, KIND.send, SENDS);
    const sent = 'RST after the first SEND, and STORED for each on the next connection';
    await mustConclude(
      attempt,
      ['STORED', 'STORED', 'STORED'],
      sent,
      'The relay recognises a repeat by its id, so an asynchronous sender asks again until its deadline.',
    );
    const [before, after] = [sendsOn(played, 0), sendsOn(played, 1)];
    if (after.map(({ body }) => body?.toString()).join() !== lines.join())
      throw new Failed({
        sent,
        expected: 'on the next connection all three messages in order, and each once',
        came: after.map(frameText).join(', then ') || 'no SEND',
        why: 'It first repeats, in order, what was not answered. New messages come after that.',
      });
    const renamed = before.find(
      ({ fields, body }) =>
        after.find((one) => one.body?.equals(body ?? Buffer.alloc(0)))?.fields.get('id') !== fields.get('id'),
    );
    if (renamed !== undefined)
      throw new Failed({
        sent,
        expected: `SEND id=${renamed.fields.get('id')} again`,
        came: after.map(frameText).join(', then '),
        why: 'Under another id the relay takes the repeat for another message, and bob gets it twice.',
      });
    mustBeOneSession(played);
  },
};

const later: Stage = {
  name: 'LATER',
  does: 'says UNKNOWN if only the repeat is refused',
  points: 2,
  section: 'What a sender may conclude',
  async run(attempt) {
    const played = await sending(
      attempt,
      KIND,
      [attempt.word()],
      {
        take: onSend((found, wire) => {
          if (wire === played.wires[0]) wire.finish();
          else wire.send(frame(`REFUSED id=${found.fields.get('id')} code=busy`, 'Not now.'));
        }),
      },
      PATIENT_S,
    );
    await mustSay(attempt, played, KIND.send, SENDS);
    await mustConclude(
      attempt,
      ['UNKNOWN'],
      'FIN in place of the first answer, then REFUSED for the repeat',
      'The refusal is about the repeat. The first SEND may have been stored: nobody has said that it was not.',
    );
  },
};

const lost: Stage = {
  name: 'LOST',
  does: 'says UNKNOWN if the relay is gone after a SEND',
  points: 2,
  section: 'What a sender may conclude',
  async run(attempt) {
    const played = await sending(
      attempt,
      KIND,
      [attempt.word()],
      {
        greet: (wire) => {
          if (wire === played.wires[0]) wire.send(KIND.ready);
          else wire.reset();
        },
        take: onSend((_, wire) => wire.reset()),
      },
      PATIENT_S,
    );
    await mustSay(attempt, played, KIND.send, SENDS);
    await mustConclude(
      attempt,
      ['UNKNOWN'],
      'RST after the first SEND, and RST in place of READY from then on',
      'That no later attempt came as far as a SEND says nothing about the first.',
    );
  },
};

/** The stages for a depositor, in teaching order. */
export const DEPOSITOR_STAGES: readonly Stage[] = senderStages(KIND, [again, later, lost]);
