// Runs the stages of a check, one after the other, and says what came of each.

import { createHash } from 'node:crypto';
import type { Recorded } from '../../core/event.ts';
import type { User } from '../stage/process.ts';
import { Attempt } from './attempt.ts';
import { COLLECTOR_STAGES } from './collector-stages.ts';
import { Control } from './control.ts';
import { DEPOSITOR_STAGES } from './depositor-stages.ts';
import { Failed, NotChecked, type Problem, Undecided } from './outcome.ts';
import { RECEIVER_STAGES } from './receiver-stages.ts';
import { RELAY_STAGES } from './relay-stages.ts';
import { SENDER_STAGES } from './sender-stages.ts';
import type { Stage } from './stage.ts';

/** A kind of program that can be checked. */
export type Role = 'receiver' | 'sender' | 'relay' | 'depositor' | 'collector';

/** What the roles are called in full, the name that a program of each gets, and the stages. */
export const ROLES: Readonly<
  Record<Role, { readonly full: string; readonly as: string; readonly stages: readonly Stage[] }>
> = {
  receiver: { full: 'a synchronous receiver', as: 'bob', stages: RECEIVER_STAGES },
  sender: { full: 'a synchronous sender', as: 'alice', stages: SENDER_STAGES },
  relay: { full: 'a relay', as: 'relay', stages: RELAY_STAGES },
  depositor: { full: 'a depositor, which sends to a relay', as: 'alice', stages: DEPOSITOR_STAGES },
  collector: { full: 'a collector', as: 'bob', stages: COLLECTOR_STAGES },
};

/**
 * How a stage ended. `undecided`: it could not be told whether the program keeps the rule. `unchecked`: this computer lacks what the stage
 * needs. `skipped`: it was not tried.
 */
export type Status = 'ok' | 'failed' | 'undecided' | 'unchecked' | 'skipped';

/** What came of one stage. */
export interface StageResult {
  readonly stage: Stage;
  /** Its number, from 1. */
  readonly n: number;
  readonly status: Status;
  readonly ms: number;
  /** If it failed. */
  readonly problem?: Problem | undefined;
  /** Why it could not be told, or not be checked. */
  readonly reason?: string | undefined;
  /** The end of what the program printed on stderr, if it did not pass. */
  readonly stderr: string;
  /** What happened, for a diagram, if it did not pass. */
  readonly events: readonly Recorded[];
}

/** What to check. */
export interface CheckOptions {
  readonly role: Role;
  readonly command: readonly string[];
  readonly cwd?: string | undefined;
  /** The user that the program runs as; only root may choose one. Default: that of this process. */
  readonly user?: User | undefined;
  /** Only this stage, by its number. */
  readonly only?: number | undefined;
  /** Go on after a stage that failed. */
  readonly all: boolean;
  readonly seed: number;
  readonly deadlineMs: number;
  /** Called before each stage. */
  readonly began?: ((stage: Stage, n: number) => void) | undefined;
  /** Called after each stage. */
  readonly ended?: ((result: StageResult) => void) | undefined;
}

/** Everything that came of a check. */
export interface CheckResult {
  readonly role: Role;
  readonly command: readonly string[];
  readonly seed: number;
  readonly stages: readonly StageResult[];
}

/** The results of a role's stages before any of them was tried. */
export const untried = (role: Role): StageResult[] =>
  ROLES[role].stages.map((stage, index) => ({
    stage,
    n: index + 1,
    status: 'skipped',
    ms: 0,
    stderr: '',
    events: [],
  }));

/** The seed of one stage, so that it does the same alone as among others. */
const seedOf = (seed: number, name: string): number =>
  createHash('sha256').update(`${seed} ${name}`).digest().readUInt32LE();

/** How much longer all deadlines are when a stage is tried once more. */
const LONGER = 4;

/** Checks one program. Ends every process that it has started, also when this process ends. */
export async function runCheck(options: CheckOptions): Promise<CheckResult> {
  const { role, command, only, all, seed, deadlineMs } = options;
  const control = new Control();
  let attempt: Attempt | undefined;
  const atExit = (): void => {
    attempt?.endNow();
    control.endNow();
  };
  process.on('exit', atExit);
  const stages: StageResult[] = [];
  let stopped = false;
  try {
    for (const skipped of untried(role)) {
      const { stage, n } = skipped;
      if (only !== undefined && n !== only) continue;
      if (stopped) {
        stages.push(skipped);
        continue;
      }
      options.began?.(stage, n);
      const began = performance.now();
      const fresh = (patience: number): Attempt =>
        new Attempt({
          command,
          cwd: options.cwd,
          user: options.user,
          as: ROLES[role].as,
          deadlineMs,
          patience,
          seed: seedOf(seed, stage.name),
          control,
        });
      attempt = fresh(1);
      let found = await tryStage(stage, attempt);
      // Who has not even connected is not slow, and the run is to end soon.
      const isThere = n > 1 || attempt.recording.hasConnection;
      if (stage.hasDeadline && isThere && (found.status === 'failed' || found.status === 'undecided')) {
        await attempt.end();
        attempt = fresh(LONGER);
        found = await tryStage(stage, attempt);
      }
      const isOk = found.status === 'ok';
      const stderr = isOk ? '' : attempt.stderr;
      const events = isOk ? [] : attempt.recording.events();
      await attempt.end();
      const result = { stage, n, ms: performance.now() - began, stderr, events, ...found };
      stages.push(result);
      options.ended?.(result);
      // Who never gets as far as the first stage fails all others for the same reason.
      stopped = found.status === 'failed' && (!all || n === 1);
    }
  } finally {
    await attempt?.end();
    await control.end();
    process.off('exit', atExit);
  }
  return { role, command, seed, stages };
}

async function tryStage(
  stage: Stage,
  attempt: Attempt,
): Promise<Pick<StageResult, 'status' | 'problem' | 'reason'>> {
  try {
    await stage.run(attempt);
    return { status: 'ok' };
  } catch (error) {
    if (error instanceof Failed) return { status: 'failed', problem: error.problem };
    if (error instanceof Undecided) return { status: 'undecided', reason: error.message };
    if (error instanceof NotChecked) return { status: 'unchecked', reason: error.message };
    throw error;
  }
}

/** The points that a program has, and those that it could have on this computer. */
export function pointsOf(stages: readonly StageResult[]): { points: number; of: number } {
  const sum = (results: readonly StageResult[]): number =>
    results.reduce((total, { stage }) => total + stage.points, 0);
  return {
    points: sum(stages.filter(({ status }) => status === 'ok')),
    of: sum(stages.filter(({ status }) => status !== 'unchecked')),
  };
}

/** The exit code: 0 all passed, 1 a stage failed, 3 it could not be told. */
export function exitCodeOf(stages: readonly StageResult[]): number {
  if (stages.some(({ status }) => status === 'failed')) return 1;
  return stages.some(({ status }) => status === 'undecided') ? 3 : 0;
}
