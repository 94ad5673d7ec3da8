// The runs with real processes: lanes that work at the same time, and the table of their results.

import type { VerdictName } from '../../src/core/event.ts';
import { randomFrom } from '../lib/random.ts';
import { ACTIONS, asyncLane, type LaneOptions, type LaneResult, syncLane } from './lane.ts';
import { judge } from './oracle.ts';
import type { Report } from './report.ts';

/** The lanes, and the share of the disturbances that each makes. */
const LANES: readonly { readonly share: number; run(options: LaneOptions): Promise<LaneResult> }[] = [
  { share: 0.22, run: syncLane },
  { share: 0.22, run: syncLane },
  { share: 0.23, run: (options) => asyncLane(options, false) },
  { share: 0.23, run: (options) => asyncLane(options, false) },
  { share: 0.1, run: (options) => asyncLane(options, true) },
];

/** What the real runs need. */
export interface RealOptions {
  readonly main: string;
  readonly seed: number;
  readonly disturbances: number;
  readonly progress: (made: number) => void;
}

/** Makes the runs with real processes. */
export async function realRuns({ main, seed, disturbances, progress }: RealOptions): Promise<Report> {
  let made = 0;
  const results = await Promise.all(
    LANES.map(({ share, run }, i) =>
      run({
        main,
        random: randomFrom(seed + i),
        disturbances: Math.ceil(share * disturbances),
        progress: () => {
          made += 1;
          progress(made);
        },
        label: `lane ${i} message`,
      }),
    ),
  );
  const said = results.flatMap((result) => result.said);
  const lies = results.flatMap(({ route, said: told, handled }) =>
    judge({ route: route === 'sync' ? 'sync' : 'async', said: told, handled }).map(
      (lie) => `with real processes, ${route}: ${lie}`,
    ),
  );
  const unknown = said.filter(({ verdict }) => verdict === 'UNKNOWN').length;
  const lines = [
    `Real processes or the link between them were disturbed ${made} times, around ${said.length} messages:`,
    ...table(results),
    `UNKNOWN  ${unknown} of ${said.length}, ${((100 * unknown) / said.length).toFixed(1)} %`,
    ...lies.slice(0, 10).map((one) => `FAILED  ${one}`),
  ];
  return { lines, passed: said.length - lies.length, failed: lies.length };
}

const ROUTES = ['sync', 'async', 'async --wait'] as const;
const SHOWN: readonly [title: string, verdicts: readonly VerdictName[]][] = [
  ['good', ['DELIVERED', 'STORED']],
  ['no', ['NOT_DELIVERED']],
  ['?', ['UNKNOWN']],
];

function table(results: readonly LaneResult[]): string[] {
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(14)}${cells.map((cell) => cell.padStart(26)).join('')}`;
  return [
    row('', ROUTES),
    row(
      '',
      ROUTES.map(() => SHOWN.map(([title]) => title.padStart(6)).join('')),
    ),
    ...ACTIONS.map((action) =>
      row(
        action,
        ROUTES.map((route) => {
          const said = results
            .filter((result) => result.route === route)
            .flatMap((result) => result.said)
            .filter(({ done }) => done === action);
          return SHOWN.map(([, verdicts]) =>
            String(said.filter(({ verdict }) => verdicts.includes(verdict)).length).padStart(6),
          ).join('');
        }),
      ),
    ),
  ];
}
