// A check as files that a teacher's tools read: JSON lines, Gradescope's results.json, JUnit XML, and CSV for many programs.

import { asciiJson, visible } from '../../core/visible.ts';
import { STATUS_TEXT } from './report.ts';
import { type CheckResult, exitCodeOf, pointsOf, ROLES, type Role, type StageResult } from './run.ts';

/** A stage as one line of JSON. `points` is what it has, `of` what it could have. */
export function stageJson({ stage, n, status, ms, problem, reason, stderr }: StageResult): string {
  return line({
    event: 'stage',
    n,
    stage: stage.name,
    status,
    points: status === 'ok' ? stage.points : 0,
    of: stage.points,
    ms: Math.round(ms),
    section: stage.section,
    ...problem,
    reason,
    stderr: stderr === '' ? undefined : stderr,
  });
}

/** The sum as the last line of JSON. */
export function sumJson({ role, seed, stages }: CheckResult): string {
  return line({
    event: 'check',
    role,
    seed,
    passed: stages.filter(({ status }) => status === 'ok').length,
    stages: stages.length,
    ...pointsOf(stages),
    exit: exitCodeOf(stages),
  });
}

const line = (fields: Readonly<Record<string, unknown>>): string => `${asciiJson(JSON.stringify(fields))}\n`;

/** What is said of a stage in a file: the same as on the terminal, without the command that repeats it. */
function outputOf({ status, problem, reason, stderr, stage }: StageResult): string {
  if (status === 'ok') return '';
  const said = stderr.trimEnd() === '' ? [] : ['stderr:', ...stderr.trimEnd().split('\n').slice(-8)];
  const rows =
    problem === undefined
      ? [reason ?? STATUS_TEXT[status]]
      : [
          ...(problem.sent === undefined ? [] : [`sent      ${problem.sent}`]),
          `expected  ${problem.expected}`,
          `came      ${problem.came}`,
          `why       ${problem.why} PROTOCOL.md, "${stage.section}"`,
        ];
  return [...rows, ...said].map((text) => visible(text)).join('\n');
}

/**
 * Gradescope's `results.json`: a test for each stage. A stage that this computer cannot check is left out. Scores are whole numbers, and
 * what is not checked does not count. The output is plain text, so that nothing that a program prints is read as HTML.
 */
export function gradescope({ stages }: Pick<CheckResult, 'stages'>): string {
  const tests = stages
    .filter(({ status }) => status !== 'unchecked')
    .map((result) => ({
      number: String(result.n),
      name: `${result.stage.name}: ${result.stage.does}`,
      score: result.status === 'ok' ? result.stage.points : 0,
      max_score: result.stage.points,
      // A test without a status is judged by its score alone.
      ...(result.status === 'ok' || result.status === 'failed'
        ? { status: `${result.status === 'ok' ? 'pass' : 'fail'}ed` }
        : {}),
      output: outputOf(result) || STATUS_TEXT[result.status],
      output_format: 'text',
      visibility: 'visible',
    }));
  return `${JSON.stringify({ visibility: 'visible', tests }, undefined, 2)}\n`;
}

/** JUnit XML: a test case for each stage. What could not be told is an error, and what was not tried is skipped. */
export function junit({ role, stages }: CheckResult): string {
  const count = (...statuses: readonly string[]): number =>
    stages.filter(({ status }) => statuses.includes(status)).length;
  const cases = stages.map((result) => {
    const inside = {
      ok: '',
      failed: 'failure',
      undecided: 'error',
      unchecked: 'skipped',
      skipped: 'skipped',
    }[result.status];
    const head = `    <testcase classname="detour.${role}" name="${xml(`${result.n} ${result.stage.name}: ${result.stage.does}`)}" time="${(result.ms / 1000).toFixed(3)}"`;
    if (inside === '') return `${head}/>`;
    const message = xml(result.problem?.came ?? result.reason ?? STATUS_TEXT[result.status]);
    return `${head}>\n      <${inside} message="${message}">${xml(outputOf(result))}</${inside}>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="detour check ${role}" tests="${stages.length}" failures="${count('failed')}" errors="${count('undecided')}" skipped="${count('unchecked', 'skipped')}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};
const xml = (text: string): string =>
  visible(text, { multiline: true }).replace(/[&<>"\n]/g, (char) => ESCAPES[char] ?? char);

/** The first line of a CSV file of many programs. */
export const csvHead = (role: Role): string =>
  csvLine([
    'program',
    'points',
    'of',
    'passed',
    'exit',
    'first_failed',
    ...ROLES[role].stages.map(({ name }) => name),
  ]);

/** The line of one program. */
export function csvRow(program: string, { role, stages }: CheckResult): string {
  const { points, of } = pointsOf(stages);
  const status = new Map(stages.map((result) => [result.stage.name, STATUS_TEXT[result.status]]));
  return csvLine([
    program,
    String(points),
    String(of),
    String(stages.filter((result) => result.status === 'ok').length),
    String(exitCodeOf(stages)),
    stages.find((result) => result.status === 'failed')?.stage.name ?? '',
    ...ROLES[role].stages.map(({ name }) => status.get(name) ?? ''),
  ]);
}

// A spreadsheet would take a text that begins like this for a formula.
const csvLine = (values: readonly string[]): string =>
  `${values.map((value) => `"${value.replace(/^[=+@-]/, "'$&").replaceAll('"', '""')}"`).join(',')}\n`;
