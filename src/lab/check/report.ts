// A check as text for a person: a line for each stage, and below one that failed all that is needed to understand it.

import { ascii, PLAIN } from '../../core/plain.ts';
import { ms } from '../../core/units.ts';
import { visible } from '../../core/visible.ts';
import { padTo } from '../../core/width.ts';
import { hanging } from '../../core/wrap.ts';
import {
  type CheckOptions,
  type CheckResult,
  pointsOf,
  ROLES,
  type Role,
  type StageResult,
  type Status,
  untried,
} from './run.ts';
import type { Stage } from './stage.ts';

/** How a status is called. */
export const STATUS_TEXT: Readonly<Record<Status, string>> = {
  ok: 'ok',
  failed: 'FAILED',
  undecided: 'could not tell',
  unchecked: 'not checked',
  skipped: 'not tried',
};

const INDENT = ' '.repeat(6);
/** Lines of stderr that a failing stage shows: the last ones. */
const STDERR_LINES = 8;

/** Columns of a line: at most this many in all, and how many at its start and at its end are not about what the stage does. */
const MOST_COLUMNS = 100;
const START = 16;
const END = 15;

const head = (n: number, name: string): string => `${String(n).padStart(3)} ${padTo(name, 11)}`;

/** The stages of a role with their points and sections, for `--list`. */
export function listLines(role: Role, columns: number): string[] {
  const { full, stages } = ROLES[role];
  const { of } = pointsOf(untried(role));
  return [
    ` ${full}: ${stages.length} stages, ${of} points`,
    ...stages.flatMap((stage, index) =>
      hanging(
        `${head(index + 1, stage.name)} `,
        `${stage.does}. ${points(stage)}; PROTOCOL.md, "${stage.section}"`,
        columns,
      ),
    ),
  ];
}

const points = ({ points: count }: Stage): string => (count === 1 ? '1 point' : `${count} points`);

/** The line above the stages. */
export function titleLine({ role, only }: Pick<CheckOptions, 'role' | 'only'>): string {
  const { full, stages } = ROLES[role];
  const count = only === undefined ? `${stages.length} stages` : `stage ${only} of ${stages.length}`;
  return ` detour check: ${full}, ${count}, each with a fresh process of yours`;
}

/** One stage's line: what it is about, at the right how it ended; in plain output first how it ended. */
export function stageLine({ stage, n, status, ms: took }: StageResult, columns: number): string {
  if (columns === PLAIN) {
    const ended = status === 'ok' ? `${STATUS_TEXT.ok}, ${ms(took)}` : STATUS_TEXT[status];
    return `${n} ${stage.name} ${ended}: ${ascii(stage.does)}`;
  }
  const room = Math.min(columns, MOST_COLUMNS) - START - END;
  const does = stage.does.length > room ? `${stage.does.slice(0, room - 1)}…` : stage.does;
  const time = status === 'ok' ? ms(took).padStart(END - STATUS_TEXT.ok.length - 1) : '';
  return `${head(n, stage.name)} ${padTo(does, room)} ${STATUS_TEXT[status]}${time}`;
}

/** What is told about a stage that did not pass. @param again the command that repeats it */
export function detailLines(result: StageResult, again: string, columns: number): string[] {
  const { problem, reason, stage, stderr } = result;
  const row = (label: string, text: string): string[] =>
    hanging(
      `${INDENT}${padTo(label, 10)}`,
      visible(text),
      columns === PLAIN ? PLAIN : Math.min(columns, 110),
    );
  const plain = columns === PLAIN;
  const own = (text: string): string => (plain ? ascii(text) : text);
  // Bytes are shown as Latin-1, which has neither of these two signs: none of them came from the program.
  const bytes = (text: string): string => (plain ? text.replaceAll('⏎', '\\n').replaceAll('…', '...') : text);
  if (problem === undefined) return reason === undefined ? [] : row('reason', reason);
  const said = stderr
    .trimEnd()
    .split('\n')
    .slice(-STDERR_LINES)
    .filter((line) => line !== '');
  return [
    ...(problem.sent === undefined ? [] : row('sent', bytes(problem.sent))),
    ...row('expected', own(problem.expected)),
    ...row('came', bytes(problem.came)),
    ...row('why', own(`${problem.why} PROTOCOL.md, "${stage.section}"`)),
    ...said.flatMap((line, index) => row(index === 0 ? 'stderr' : '', line)),
    ...row('again', again),
  ];
}

/** The last line: the sum. */
export function sumLine({ stages }: CheckResult, exit: number): string {
  const passed = stages.filter(({ status }) => status === 'ok').length;
  const { points: count, of } = pointsOf(stages);
  const others = (['undecided', 'unchecked', 'skipped'] as const)
    .map((status) => ({ status, count: stages.filter((result) => result.status === status).length }))
    .filter((one) => one.count > 0)
    .map((one) => `, ${one.count} ${STATUS_TEXT[one.status]}`);
  return ` ${passed} of ${stages.length} ${stages.length === 1 ? 'stage' : 'stages'} passed${others.join('')}, ${count} of ${of} points. Exit code ${exit}.`;
}
