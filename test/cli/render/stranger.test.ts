import { expect, test } from 'vitest';
import { strangerText } from '../../../src/cli/render/steps.ts';

const listener = (uid: number) => (port: number) => (port === 4101 ? { uid } : undefined);

test("a listener of another user of this computer is told, with what to set; one's own is not", () => {
  expect(strangerText('127.0.0.1:4101', 1000, listener(1001))).toMatch(
    /another user of this computer \(uid 1001\).*DETOUR_PORT/,
  );
  expect(strangerText('[::1]:4101', 1000, listener(0))).toMatch(/uid 0/);
  expect(strangerText('127.0.0.1:4101', 1001, listener(1001))).toBeUndefined();
  expect(strangerText('10.0.0.7:4101', 1000, listener(1001))).toBeUndefined();
  expect(strangerText('127.0.0.1:4102', 1000, listener(1001))).toBeUndefined();
  expect(strangerText('127.0.0.1:4101', undefined, listener(1001))).toBeUndefined();
});
