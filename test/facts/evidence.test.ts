// What `explain` says about the network is backed by evidence: a test that creates the situation, or a document. The two lists agree.

import { expect, test } from 'vitest';
import { entryText } from '../../src/cli/commands/explain.ts';
import { CATALOG } from '../../src/errors/catalog.ts';
import { FACTS } from './facts.ts';

const NETWORK = new Set(['name lookup', 'IP', 'TCP connect', 'TCP established']);
const cited = CATALOG.flatMap(({ shownBy = [] }) => shownBy);

test('every fact has its own name', () => {
  expect(FACTS.length).toBeGreaterThan(25);
  expect(new Set(FACTS.map(({ id }) => id)).size).toBe(FACTS.length);
});

test('every cited row exists, and every row is cited', () => {
  const ids = FACTS.map(({ id }) => id);
  expect(cited.filter((row) => !ids.includes(row))).toEqual([]);
  expect(ids.filter((id) => !cited.includes(id))).toEqual([]);
});

test('what was measured on the network is shown by a row; what was not names its document', () => {
  const entries = CATALOG.filter(({ layer }) => NETWORK.has(layer));
  expect(entries.length).toBeGreaterThan(20);
  for (const { code, basis, shownBy = [], reference } of entries) {
    if (basis === 'measured on Linux') expect(shownBy, code).not.toHaveLength(0);
    else expect(reference, code).toMatch(/RFC|documentation|POSIX|PROTOCOL/);
  }
});

test('an errno is pinned by its rows', () => {
  const pinned = (row: string): string => {
    const fact = FACTS.find(({ id }) => id === row);
    return Object.values(fact?.allowed ?? {})
      .flat()
      .join();
  };
  const wrong = CATALOG.filter(({ code }) => /^(?:E[A-Z_]+|AggregateError)$/.test(code)).flatMap(
    ({ code, shownBy = [] }) =>
      shownBy.filter((row) => !pinned(row).includes(code)).map((row) => `${code}: ${row}`),
  );
  expect(wrong).toEqual([]);
});

test('explain prints the rows', () => {
  for (const entry of CATALOG)
    for (const row of entry.shownBy ?? [])
      expect(entryText(entry).replaceAll(/\s+/g, ' ')).toContain(`"${row}"`);
});
