// What `sync send` and `async send` do the same way: one message, many (--count), or one per typed line; the verdict, the exit code.
// What happens on the way is told by steps.ts. How a message travels is the mode's; what may be concluded is exchange/verdict.ts.

import { randomBytes } from 'node:crypto';
import { DetourError } from '../core/error.ts';
import type { Event, VerdictName } from '../core/event.ts';
import { EXIT, INTERRUPTED, verdictText } from '../core/verdicts.ts';
import type { Outcome } from '../exchange/pending.ts';
import type { Actor } from './actor.ts';
import { type Source, typedLines } from './messages.ts';
import { Progress, say, withNote } from './render/output.ts';
import { type Addressee, codeOf, failureLines, type Repeat, verdictLine } from './render/report.ts';
import type { Steps } from './render/steps.ts';
import { ms } from './render/units.ts';

/** How one mode sends, and what it says of it. */
export interface Route {
  send(id: string, body: Buffer): Promise<Outcome>;
  interrupt(): void;
  close(): Promise<void>;
  /** Whom the messages go to, as far as is known by now. */
  to(): Addressee;
  /** What follows the verdict of a message that arrived, and the lines under it. */
  success(outcome: Outcome): { readonly rest: string; readonly lines: readonly string[] };
  /** The command that repeats this message safely, if there is one. */
  repeat(outcome: Outcome): Repeat | undefined;
  /** If the fate of a stored message is waited for: the verdict it makes of STORED, and what follows it on the line. */
  news?:
    | ((outcome: Outcome) => Promise<{ readonly verdict: VerdictName; readonly rest: string }>)
    | undefined;
  /** Messages under way at once with --count. */
  readonly atOnce: number;
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

/** Ids of this process: random characters, then a number. */
function idSeries(): () => string {
  // 40 random bits: two processes of one name are told apart for as long as a relay remembers.
  const prefix = Array.from(randomBytes(8), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('');
  let last = 0;
  return () => {
    last += 1;
    return `${prefix}-${last}`;
  };
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
    throw new DetourError('usage', '--count is for one message.', 'Write it behind the command.');
  const nextId = idSeries();
  let interrupted = false;
  actor.onInterrupt(() => {
    interrupted = true;
    route.interrupt();
  });
  const worst = new Worst();
  const settle: Settle = (settled) => {
    actor.context.emit({ event: 'outcome', ...words(settled) });
    worst.add(settled);
  };
  if (source.kind === 'typed') {
    if (!actor.json && process.stdin.isTTY) say('One message per line; Ctrl-D ends.');
    steps.prompt = `${flags.as}> `;
    for await (const body of typedLines(steps.prompt, () => interrupted)) {
      settle(await sendOne(actor, route, steps, flags.id ?? nextId(), body, noExit));
      interrupted = false;
    }
    steps.prompt = undefined;
    say();
  } else if (flags.count === undefined) {
    const exitOf = (verdict: VerdictName): number => (interrupted ? INTERRUPTED : EXIT[verdict]);
    settle(await sendOne(actor, route, steps, flags.id ?? nextId(), source.body, exitOf));
  } else {
    await sendMany(actor, route, source.body, flags.count, nextId, settle, () => interrupted, worst);
  }
  const exit = interrupted ? INTERRUPTED : worst.exit;
  await route.close();
  // The verdict is the last line of the stream: the whole exchange is before it.
  if (worst.settled !== undefined) actor.context.emit({ event: 'verdict', ...words(worst.settled), exit });
  actor.close();
  return exit;
}

/** What a message came to: its outcome, the verdict with news of it if any came. */
interface Settled {
  readonly outcome: Outcome;
  readonly verdict: VerdictName;
}

/** Takes what a message came to, as soon as that is known. */
type Settle = (settled: Settled) => void;

class Worst {
  settled: Settled | undefined;

  get exit(): number {
    return this.settled === undefined ? 0 : EXIT[this.settled.verdict];
  }

  add(settled: Settled): void {
    if (this.settled === undefined || EXIT[settled.verdict] >= this.exit) this.settled = settled;
  }
}

/** The exit code to be told with a verdict, if the process ends with it. */
type ExitOf = (verdict: VerdictName) => number | undefined;

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
  const outcome = await route.send(id, body);
  steps.end();
  const waits = outcome.verdict === 'STORED' && route.news !== undefined;
  if (!actor.json) tellOutcome(route, outcome, waits ? noExit : exitOf);
  if (!waits || route.news === undefined) return { outcome, verdict: outcome.verdict };
  steps.waits = true;
  const news = await route.news(outcome);
  steps.waits = false;
  if (!actor.json) say(verdictLine(news.verdict, news.rest, exitOf(news.verdict)));
  return { outcome, verdict: news.verdict };
}

// Says what became of one message.
function tellOutcome(route: Route, outcome: Outcome, exitOf: ExitOf): void {
  const { verdict } = outcome;
  const exit = exitOf(verdict);
  if (verdict === 'DELIVERED' || verdict === 'STORED') {
    const { rest, lines } = route.success(outcome);
    say(verdictLine(verdict, ` in ${ms(outcome.ms)}: ${rest}`, exit));
    for (const line of lines) say(`  ${line}`);
    return;
  }
  const { peer } = route.to();
  say(
    verdictLine(verdict, verdict === 'UNKNOWN' ? `: ${peer} may have it, or not.` : ', for certain.', exit),
  );
  for (const line of failureLines(
    outcome,
    route.to(),
    verdict === 'UNKNOWN' ? route.repeat(outcome) : undefined,
  ))
    say(line);
}

function words({ outcome, verdict }: Settled): Omit<Extract<Event, { event: 'outcome' }>, 'event'> {
  return { verdict, code: codeOf(outcome), id: outcome.send.id, ms: Number(outcome.ms.toFixed(3)) };
}

// The same body many times, under ids of its own.
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
  let failed: Outcome | undefined;
  let begun = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (begun < count && !interrupted()) {
      begun += 1;
      const outcome = await route.send(nextId(), body);
      done += 1;
      tally[outcome.verdict] += 1;
      settle({ outcome, verdict: outcome.verdict });
      if (EXIT[outcome.verdict] === 0) times.push(outcome.ms);
      else failed ??= outcome;
      if (!actor.json) progress.show(done, tallyText(tally));
    }
  };
  await Promise.all(Array.from({ length: Math.min(route.atOnce, count) }, worker));
  progress.end();
  if (actor.json) return;
  if (failed !== undefined) {
    say(`The first that failed, id ${failed.send.id}:`);
    tellOutcome(route, failed, noExit);
  }
  const took = performance.now() - began;
  const exit = interrupted() ? INTERRUPTED : worst.exit;
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
