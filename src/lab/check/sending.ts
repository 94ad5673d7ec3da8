// What the stages of both kinds of senders share: the check plays the server that they send to, and looks at their verdicts.

import { type Attempt, exitText } from './attempt.ts';
import type { Frame } from './frames.ts';
import { Failed } from './outcome.ts';
import { type Part, type PlayedServer, play } from './played-server.ts';
import type { Wire } from './wire.ts';

/** How the two kinds of senders differ in their stages. */
export interface SendingRole {
  readonly role: 'sender' | 'depositor';
  /** What the check says when it plays the server. */
  readonly ready: string;
  /** What a server of the other role says. */
  readonly foreign: string;
  /** How many SENDs it may have unanswered. */
  readonly window: number;
  /** The SEND that must come, for `mustSay`. */
  readonly send: string;
  /** The verb that answers it. */
  readonly verb: 'RECEIVED' | 'STORED';
  /** The line that answers a SEND. @param count which SEND of its connection it is, from 1 */
  answer(id: string, count: number): string;
  /** The verdict on a message that was answered. */
  readonly good: 'DELIVERED' | 'STORED';
  /** Why: what the answer means. */
  readonly means: string;
  /** Does it repeat what was not answered, until its deadline? */
  readonly repeats: boolean;
}

/** How long a sender may take to come to its verdict, if it does not know DETOUR_TIMEOUT and has a deadline of its own. */
export const VERDICT_MS = 15_000;
/** The deadline that a sender is given in the stages where it must run into it, in seconds. */
export const SHORT_S = 1;
/** The deadline that it is given otherwise, and the longest. A verdict must come within VERDICT_MS. */
const USUAL_S = 10;
const LONGEST_S = 12;

const VERDICTS = { DELIVERED: 0, STORED: 0, 'NOT DELIVERED': 10, UNKNOWN: 20 } as const;
/** A verdict, as a program prints it. */
export type Verdict = keyof typeof VERDICTS;

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
      why: 'The exit code is that of the worst verdict: 0 DELIVERED or STORED, 10 NOT DELIVERED, 20 UNKNOWN.',
    });
}

/** The line that answers a SEND. */
export const answerTo = (kind: SendingRole, found: Frame, wire: Wire): string =>
  kind.answer(
    found.fields.get('id') ?? '',
    wire.frames.filter(({ verb }) => verb === 'SEND').indexOf(found) + 1,
  );

/** What a sender gets in its environment in addition. A depositor's message is for a name, and not for an address. */
export const environmentOf = (
  { patience }: Attempt,
  { role }: SendingRole,
  timeoutS = USUAL_S,
): NodeJS.ProcessEnv => ({
  DETOUR_TIMEOUT: String(Math.min(timeoutS * patience, LONGEST_S)),
  ...(role === 'depositor' ? { DETOUR_TO: 'bob' } : {}),
});

/**
 * Starts the program with these lines as its input, and plays the server that it sends to.
 * @param part what the server does, if it does not greet and answer each SEND
 * @param timeoutS the deadline that the program gets, in seconds
 */
export async function sending(
  attempt: Attempt,
  kind: SendingRole,
  lines: readonly string[],
  part: Part = {},
  timeoutS?: number,
): Promise<PlayedServer> {
  const played = await play(attempt, {
    ready: kind.ready,
    take: onSend((found, wire) => wire.send(answerTo(kind, found, wire))),
    ...part,
  });
  const program = await attempt.start(environmentOf(attempt, kind, timeoutS));
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
