// What `sync send` and `async send` have in common: one message, many (--count), or one per typed line; the verdict and the exit code.
// steps.ts narrates what happens on the way. The mode decides how a message travels, and exchange/verdict.ts what may be concluded.

import { DetourError } from '../core/error.ts';
import type { Event, VerdictName } from '../core/event.ts';
import { ms } from '../core/units.ts';
import { EXIT, INTERRUPTED, NO_NEWS, verdictText } from '../core/verdicts.ts';
import { idSeries } from '../library/arguments.ts';
import type { Addressee, Sent } from '../library/sent.ts';
import { MAX_BODY } from '../wire/frame.ts';
import type { Actor } from './actor.ts';
import { lineMessages, type Source } from './messages.ts';
import { exitWith, outputLost, Progress, say, sayWrapped, withNote } from './render/output.ts';
import { failureLines, moreLine, type Repeat, verdictLine } from './render/report.ts';
import type { Steps } from './render/steps.ts';

/** How one mode sends, and what it says about the result. */
export interface Route {
  send(id: string, body: Buffer): Promise<Sent>;
  interrupt(): void;
  close(): Promise<void>;
  /** Who is called, as far as that is known by now. */
  to(): Addressee;
  /** The text after the verdict of a message that arrived, and the lines below it. */
  success(sent: Sent): { readonly rest: string; readonly lines: readonly string[] };
  /** The command that repeats this message safely, if there is one. */
  repeat(sent: Sent, body: Buffer): Repeat | undefined;
  /** Waits to learn the fate of a stored message, if that was asked for. */
  news?: ((sent: Sent) => Promise<Fate>) | undefined;
  /** How many messages are under way at the same time with --count. */
  readonly atOnce: number;
}

/** What is known of a stored message after waiting for news: the final verdict, and the text after it on the line. */
export interface Fate {
  /** STORED: no news came. */
  readonly verdict: VerdictName;
  readonly rest: string;
}

/** What the command line asked for. */
export interface SendFlags {
  readonly as: string;
  readonly timeout: number;
  readonly patient?: true | undefined;
  readonly count?: number | undefined;
  readonly lines?: boolean | undefined;
  readonly ladder?: boolean | undefined;
  readonly id?: string | undefined;
}

/** Sends what there is to send. @returns the exit code */
export async function runSend(
  actor: Actor,
  route: Route,
  steps: Steps,
  source: Source,
  flags: SendFlags,
): Promise<number> {
  if (source.kind === 'typed' && flags.count !== undefined)
    throw new DetourError('usage', '--count is for one message.', 'Write it after the command.');
  const nextId = idSeries();
  let interrupted = false;
  actor.onInterrupt(
    () => {
      interrupted = true;
      route.interrupt();
      // Who types ends with Ctrl-D or another Ctrl-C. Of what is piped in, nothing more is sent.
      if (source.kind === 'typed' && !process.stdin.isTTY) process.stdin.destroy();
    },
    // If the output is lost, the message under way is finished, because its verdict is the exit code.
    () => {},
  );
  const worst = new Worst();
  const settle: Settle = (settled) => {
    actor.context.emit({ event: 'outcome', ...words(settled) });
    worst.add(settled);
  };
  let failure: { readonly error: unknown } | undefined;
  if (source.kind === 'typed') {
    const typed = !actor.json && process.stdin.isTTY;
    if (typed) say('One message per line; Ctrl-D ends.');
    steps.prompt = `${flags.as}> `;
    try {
      for await (const { number, body } of lineMessages(steps.prompt, () => interrupted)) {
        if (body === undefined) settle(refuseLine(actor, number, nextId()));
        else settle(await sendOne(actor, route, steps, nextId(), body, noExit));
        if (typed) await tellStray(body);
        if (outputLost() || (interrupted && !process.stdin.isTTY)) break;
        interrupted = false;
      }
      // Ctrl-C at the prompt ends what is typed. It interrupts no message.
      if (typed) interrupted = false;
    } catch (error) {
      // The messages before it have their verdicts, and the connection is closed first.
      failure = { error };
    }
    steps.prompt = undefined;
    if (process.stdin.isTTY) say();
  } else if (flags.count === undefined) {
    const exitOf: ExitOf = (settled) => (interrupted ? INTERRUPTED : exitWith(exitCode(settled)));
    settle(await sendOne(actor, route, steps, flags.id ?? nextId(), source.body, exitOf));
  } else {
    await sendMany(actor, route, source.body, flags.count, nextId, settle, () => interrupted, worst);
  }
  const exit = interrupted ? INTERRUPTED : exitWith(worst.exit);
  await route.close();
  // The verdict is the last event of the stream, after the whole exchange.
  if (worst.settled !== undefined) actor.context.emit({ event: 'verdict', ...words(worst.settled), exit });
  actor.close();
  if (failure !== undefined) throw failure.error;
  return exit;
}

/** What became of a message: its outcome, the verdict, which takes news of it into account, and whether news was waited for in vain. */
interface Settled {
  readonly sent: Pick<Sent, 'code' | 'id' | 'ms'>;
  readonly verdict: VerdictName;
  readonly noNews?: boolean;
}

const exitCode = ({ verdict, noNews }: Pick<Settled, 'verdict' | 'noNews'>): number =>
  noNews ? NO_NEWS : EXIT[verdict];

/** The exit codes from the best to the worst. A message of which there is no news is at least stored, so it is not a failure yet. */
const FROM_BEST = [EXIT.DELIVERED, NO_NEWS, EXIT.NOT_DELIVERED, EXIT.UNKNOWN];
const rank = (settled: Settled): number => FROM_BEST.indexOf(exitCode(settled));

/** Is called with what became of a message, as soon as that is known. */
type Settle = (settled: Settled) => void;

class Worst {
  settled: Settled | undefined;

  get exit(): number {
    return this.settled === undefined ? 0 : exitCode(this.settled);
  }

  add(settled: Settled): void {
    if (this.settled === undefined || rank(settled) >= rank(this.settled)) this.settled = settled;
  }
}

/** The exit code that is shown with a verdict; undefined if the process does not end with it. */
type ExitOf = (settled: Settled) => number | undefined;

const noExit: ExitOf = () => undefined;

async function sendOne(
  actor: Actor,
  route: Route,
  steps: Steps,
  id: string,
  body: Buffer,
  exitOf: ExitOf,
): Promise<Settled> {
  steps.begin(body);
  const sent = await route.send(id, body);
  steps.end();
  const waits = sent.verdict === 'STORED' && route.news !== undefined;
  if (!actor.json) tellOutcome(route, sent, body, waits ? noExit : exitOf);
  if (!waits || route.news === undefined) return { sent, verdict: sent.verdict };
  steps.waits = true;
  const { verdict, rest } = await route.news(sent);
  steps.waits = false;
  const settled = { sent, verdict, noNews: verdict === 'STORED' };
  if (!actor.json) {
    say(verdictLine(verdict, rest, exitOf(settled)));
    if (exitCode(settled) !== 0) say(moreLine(verdictText(verdict)));
  }
  return settled;
}

// Refuses a line that no message can hold. It goes nowhere, so this is certain; the lines after it are sent.
function refuseLine({ context, json }: Actor, number: number, id: string): Settled {
  const text = `line ${number} is longer than a message may be (${MAX_BODY} bytes)`;
  context.emit({ event: 'notice', text });
  if (!json) {
    say(verdictLine('NOT_DELIVERED', `: ${text}.`, undefined));
    say(moreLine('too_large'));
  }
  return { sent: { code: 'too_large', id, ms: 0 }, verdict: 'NOT_DELIVERED' };
}

// At the prompt it is easy to type what was meant for the shell or for another terminal.
async function tellStray(body: Buffer | undefined): Promise<void> {
  const { strayText } = await import('./typed-commands.ts');
  const text = strayText(String(body ?? ''));
  if (text !== undefined) sayWrapped('  ', text);
}

// Says what became of one message.
function tellOutcome(route: Route, sent: Sent, body: Buffer, exitOf: ExitOf): void {
  const { verdict } = sent;
  const exit = exitOf({ sent, verdict });
  if (verdict === 'DELIVERED' || verdict === 'STORED') {
    const { rest, lines } = route.success(sent);
    say(verdictLine(verdict, ` in ${ms(sent.ms)}: ${rest}`, exit));
    for (const line of lines) say(`  ${line}`);
    return;
  }
  const { peer } = route.to();
  say(
    verdictLine(verdict, verdict === 'UNKNOWN' ? `: ${peer} may have it, or not.` : ', for certain.', exit),
  );
  for (const line of failureLines(sent, verdict === 'UNKNOWN' ? route.repeat(sent, body) : undefined))
    say(line);
}

function words({ sent, verdict }: Settled): Omit<Extract<Event, { event: 'outcome' }>, 'event'> {
  return { verdict, code: sent.code, id: sent.id, ms: Number(sent.ms.toFixed(3)) };
}

// Sends the same body many times, each time with a new id.
async function sendMany(
  actor: Actor,
  route: Route,
  body: Buffer,
  count: number,
  nextId: () => string,
  settle: Settle,
  interrupted: () => boolean,
  worst: Worst,
): Promise<void> {
  const tally: Record<VerdictName, number> = { DELIVERED: 0, STORED: 0, NOT_DELIVERED: 0, UNKNOWN: 0 };
  const times: number[] = [];
  const progress = new Progress(count);
  const began = performance.now();
  let failed: Sent | undefined;
  let begun = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (begun < count && !interrupted() && !outputLost()) {
      begun += 1;
      const sent = await route.send(nextId(), body);
      done += 1;
      tally[sent.verdict] += 1;
      settle({ sent, verdict: sent.verdict });
      if (EXIT[sent.verdict] === 0) times.push(sent.ms);
      else failed ??= sent;
      if (!actor.json) progress.show(done, tallyText(tally));
    }
  };
  await Promise.all(Array.from({ length: Math.min(route.atOnce, count) }, worker));
  progress.end();
  if (actor.json) return;
  if (failed !== undefined) {
    say(`First failure, id ${failed.id}:`);
    tellOutcome(route, failed, body, noExit);
  }
  const took = performance.now() - began;
  const exit = interrupted() ? INTERRUPTED : exitWith(worst.exit);
  say(
    withNote(
      `${done} of ${count} in ${ms(took)} (${Math.round((done * 1000) / took)}/s): ${tallyText(tally)}`,
      `exit ${exit}`,
      80,
    ),
  );
  if (times.length === 0) return;
  times.sort((a, b) => a - b);
  const quantile = (q: number): string =>
    ms(times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? 0);
  say(`  answered after p50 ${quantile(0.5)}, p99 ${quantile(0.99)}, at most ${quantile(1)}`);
}

function tallyText(tally: Record<VerdictName, number>): string {
  const parts = (Object.entries(tally) as [VerdictName, number][]).filter(([, number]) => number > 0);
  return parts.map(([verdict, number]) => `${number} ${verdictText(verdict)}`).join(', ');
}
