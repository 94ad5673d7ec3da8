// Which verdict a synchronous sender must come to, whatever happens in place of the answer.

import { type Attempt, exitText } from './attempt.ts';
import { type Frame, frame } from './frames.ts';
import { Failed, Undecided } from './outcome.ts';
import { mustSay, type Part, type PlayedServer, play } from './played-server.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** What the check says when it plays the receiver. */
export const READY = 'READY version=1 role=receiver as=bob max=1048576 window=1\n';
/** How long a sender may take to come to its verdict, if it does not know DETOUR_TIMEOUT and has a deadline of its own. */
const VERDICT_MS = 15_000;
/** The deadline that a sender is given in the stages where it must run into it, in seconds. */
export const SHORT_S = '1';

const VERDICTS = { DELIVERED: 0, STORED: 0, 'NOT DELIVERED': 10, UNKNOWN: 20 } as const;
type Verdict = keyof typeof VERDICTS;

/** The verdicts that a program has printed: on stdout, or on stderr if there is none on stdout. */
function verdictsOf({ program }: Attempt): Verdict[] {
  const found = (text: string): Verdict[] =>
    [...text.matchAll(/^(DELIVERED|STORED|NOT DELIVERED|UNKNOWN)\b/gm)].map(
      ([, verdict]) => verdict as Verdict,
    );
  const shown = found(program.shown);
  return shown.length > 0 ? shown : found(program.stderr);
}

/**
 * The program must end with these verdicts, and exit with the worst of them.
 * @param expected the verdicts of each message of which one is right
 * @throws Failed if it does not
 */
export async function mustConclude(
  attempt: Attempt,
  expected: readonly (Verdict | readonly Verdict[])[],
  sent: string,
  why: string,
): Promise<void> {
  const { program } = attempt;
  const choices = expected.map((one): readonly Verdict[] => [one].flat());
  const exit = await attempt.until(() => program.exit, VERDICT_MS);
  const verdicts = verdictsOf(attempt);
  const isRight =
    verdicts.length === choices.length &&
    verdicts.every((verdict, index) => choices[index]?.includes(verdict));
  const codeOf = (all: readonly Verdict[]): number => Math.max(...all.map((verdict) => VERDICTS[verdict]));
  const wanted = choices.map((one) => one.join(' or ')).join(', ');
  const code = isRight ? codeOf(verdicts) : codeOf(choices.flat());
  const problem = {
    sent,
    expected:
      isRight || choices.every(({ length }) => length === 1) ? `${wanted}, and exit code ${code}` : wanted,
    came: [
      verdicts.length === 0 ? 'no verdict' : verdicts.join(', '),
      exit === undefined ? `it still runs after ${VERDICT_MS / 1000} s` : exitText(exit),
    ].join('; '),
  };
  if (!isRight) throw new Failed({ ...problem, why });
  if (exit !== code)
    throw new Failed({
      ...problem,
      why: 'The exit code is that of the worst verdict: 0 DELIVERED, 10 NOT DELIVERED, 20 UNKNOWN.',
    });
}

/** Answers a SEND as a receiver does that has shown it. */
export const answer = (found: Frame, wire: Wire): void =>
  wire.send(`RECEIVED id=${found.fields.get('id')}\n`);

/** Starts the program with these lines as its input, and plays the receiver. */
export async function sending(
  attempt: Attempt,
  lines: readonly string[],
  part: Part,
  timeout = '10',
): Promise<PlayedServer> {
  const played = await play(attempt, part);
  const program = await attempt.start({ DETOUR_TIMEOUT: timeout });
  program.input(lines.map((line) => `${line}\n`).join(''));
  return played;
}

/** Takes SENDs alone: HELLO needs no answer. */
export const onSend =
  (take: (found: Frame, wire: Wire) => Promise<void> | void): Part['take'] =>
  (found, wire) =>
    found.verb === 'SEND' ? take(found, wire) : undefined;

/** Why a SEND should have come. */
export const SENDS = 'After READY and HELLO the message goes out as SEND.';

/** A stage in which the receiver answers one SEND in some way, and the sender must come to a verdict. */
function verdictStage(
  about: Omit<Stage, 'run' | 'section'> & {
    readonly sent: string;
    readonly why: string;
    readonly verdict: Verdict;
    readonly seconds?: string;
  },
  take: (found: Frame, wire: Wire) => Promise<void> | void,
): Stage {
  const { sent, why, verdict, seconds, ...stage } = about;
  return {
    ...stage,
    section: 'What a sender may conclude',
    async run(attempt) {
      const played = await sending(attempt, [attempt.word()], { ready: READY, take: onSend(take) }, seconds);
      await mustSay(attempt, played, 'SEND id=* size=*', SENDS);
      await mustConclude(attempt, [verdict], sent, why);
      const sends = played.frames.filter(({ verb }) => verb === 'SEND').length;
      if (sends > 1)
        throw new Failed({
          sent,
          expected: 'one SEND',
          came: `${sends} SENDs`,
          why: 'A receiver remembers nothing. A synchronous sender that repeats by itself may deliver a message twice.',
        });
    },
  };
}

/** A stage in which it never comes to a SEND, so that the verdict is certain. */
function certainStage(
  about: Omit<Stage, 'run' | 'section'> & {
    readonly sent: string;
    readonly why: string;
    readonly seconds?: string;
  },
  part: Part,
): Stage {
  const { sent, why, seconds, ...stage } = about;
  return {
    ...stage,
    section: 'What a sender may conclude',
    async run(attempt) {
      const played = await sending(attempt, [attempt.word()], part, seconds);
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
}

const nobody: Stage = {
  name: 'NOBODY',
  does: 'says NOT DELIVERED if nobody listens',
  points: 1,
  section: 'What a sender may conclude',
  async run(attempt) {
    await attempt.reserve();
    const program = await attempt.start();
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

const MAY_BE =
  'It may have been shown before that, or not: nobody can know. NOT DELIVERED is said only when it is certain.';

/** The stages in which it does not get the answer RECEIVED. */
export const VERDICT_STAGES: readonly Stage[] = [
  nobody,
  verdictStage(
    {
      name: 'REFUSED',
      does: 'says NOT DELIVERED if the receiver refuses',
      points: 1,
      verdict: 'NOT DELIVERED',
      sent: 'REFUSED with the id of the message',
      why: 'REFUSED says that this message was not taken, and will not be.',
    },
    (found, wire) => wire.send(frame(`REFUSED id=${found.fields.get('id')} code=wrong_name`, 'This is bob.')),
  ),
  certainStage(
    {
      name: 'GONE',
      does: 'says NOT DELIVERED if the server closes before READY',
      points: 1,
      sent: 'FIN in place of READY',
      why: 'No SEND was written, so nothing can have been delivered.',
    },
    { greet: (wire) => wire.finish() },
  ),
  certainStage(
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
  certainStage(
    {
      name: 'ROLE',
      does: 'sends nothing to a server of another role',
      points: 1,
      sent: 'READY role=relay',
      why: 'A relay would store the message and not show it: this sender wants a receiver.',
    },
    { ready: 'READY version=1 role=relay as=relay max=1048576 window=256 store=s1\n' },
  ),
  certainStage(
    {
      name: 'VERSION',
      does: 'sends nothing to a server of a higher version',
      points: 1,
      sent: 'READY version=2',
      why: 'What version 2 means by a SEND is not known.',
    },
    { ready: READY.replace('version=1', 'version=2') },
  ),
  certainStage(
    {
      name: 'MUTE',
      does: 'says NOT DELIVERED if READY does not come in time',
      points: 2,
      seconds: SHORT_S,
      sent: 'nothing: the connection is accepted, and no READY comes',
      why: 'A frozen program looks like this. No SEND was written, so the verdict is certain.',
    },
    {},
  ),
  verdictStage(
    {
      name: 'BYE',
      does: 'says NOT DELIVERED if BYE comes in place of the answer',
      points: 1,
      verdict: 'NOT DELIVERED',
      sent: 'BYE in place of the answer',
      why: 'A server that says BYE has answered what it has taken: this message it has not.',
    },
    (_, wire) => {
      wire.send('BYE\n');
      wire.finish();
    },
  ),
  verdictStage(
    {
      name: 'FIN',
      does: 'says UNKNOWN if the connection ends before the answer',
      points: 2,
      verdict: 'UNKNOWN',
      sent: 'FIN in place of the answer',
      why: MAY_BE,
    },
    (_, wire) => wire.finish(),
  ),
  verdictStage(
    {
      name: 'RST',
      does: 'says UNKNOWN if the connection is reset before the answer',
      points: 2,
      verdict: 'UNKNOWN',
      sent: 'RST in place of the answer',
      why: MAY_BE,
    },
    (_, wire) => wire.reset(),
  ),
  verdictStage(
    {
      name: 'HALF',
      does: 'takes half an answer for none',
      points: 1,
      verdict: 'UNKNOWN',
      sent: 'RECEIVED without its line end, then FIN',
      why: `An incomplete frame has no effect. ${MAY_BE}`,
    },
    (found, wire) => {
      wire.send(`RECEIVED id=${found.fields.get('id')}`);
      wire.finish();
    },
  ),
  verdictStage(
    {
      name: 'OTHER',
      does: 'takes the answer to another message for none',
      points: 1,
      verdict: 'UNKNOWN',
      sent: 'RECEIVED with another id, then FIN',
      why: `An answer belongs to the message with its id. ${MAY_BE}`,
    },
    (_, wire) => {
      wire.send('RECEIVED id=somebody-else\n');
      wire.finish();
    },
  ),
  verdictStage(
    {
      name: 'ERROR',
      does: 'says UNKNOWN if ERROR comes in place of the answer',
      points: 1,
      verdict: 'UNKNOWN',
      sent: 'ERROR code=failed in place of the answer',
      why: `The receiver failed while it handled the message. ${MAY_BE}`,
    },
    (_, wire) => {
      wire.send(frame('ERROR code=failed', 'the output is full'));
      wire.finish();
    },
  ),
  verdictStage(
    {
      name: 'SILENCE',
      does: 'says UNKNOWN if no answer comes in time',
      points: 2,
      verdict: 'UNKNOWN',
      seconds: SHORT_S,
      sent: 'READY, and then nothing',
      why: MAY_BE,
    },
    () => {},
  ),
];
