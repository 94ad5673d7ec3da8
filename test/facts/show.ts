// Creates facts one after another, and compares what Node reports and what detour concludes with what is allowed on this system. Rows that
// cannot be created here are skipped, and say why: at the test, and in their own line at the end.

import { afterAll, describe, expect, test } from 'vitest';
import { allowedOn, type Fact } from './fact.ts';
import { withoutReserved } from './here.ts';
import { withoutFirewall, withoutNamespaces } from './lab.ts';

/** Defines one test for each of these facts, in order. @param about what they are about */
export function show(about: string, facts: readonly Fact[]): void {
  const missing = lacks();
  const skipped: string[] = [];
  let shown = 0;

  afterAll(() => {
    const { node, uv } = process.versions;
    const lines = skipped.map((one) => `  not shown here: ${one}`);
    console.log(
      [
        `${shown} of ${facts.length} facts shown on ${process.platform}, Node ${node}, libuv ${uv}.`,
        ...lines,
      ].join('\n'),
    );
  });

  describe(about, () => {
    for (const fact of facts)
      test(fact.id, { timeout: 120_000, tags: fact.quick ? [] : ['slow'] }, async ({ skip }) => {
        const reason = fact.needs === undefined ? undefined : missing[fact.needs];
        if (reason !== undefined) {
          skipped.push(`${fact.id}: ${reason}`);
          skip(reason);
        }
        const seen = await fact.make();
        const allowed = allowedOn(fact, process.platform);
        const wrong = Object.entries(seen).filter(([view, told]) => !allowed[view]?.includes(told));
        expect(Object.fromEntries(wrong)).toEqual({});
        // Everything that is pinned must have been seen.
        expect(Object.keys(seen).sort()).toEqual(Object.keys(allowed).sort());
        shown += 1;
      });
  });
}

/** What the skipped facts need and this system does not have, by need. */
function lacks(): Readonly<Record<NonNullable<Fact['needs']>, string | undefined>> {
  const namespaces = withoutNamespaces();
  return {
    namespaces,
    firewall: namespaces ?? withoutFirewall(),
    signals: process.platform === 'win32' ? 'Windows has no signal that freezes a process' : undefined,
    'a reserved port': withoutReserved(),
  };
}
