// What `import … from 'detour'` gives: the names, and the types that programs rely on. A change here is a change for every program.

import { readFileSync } from 'node:fs';
import { expect, expectTypeOf, test } from 'vitest';
import * as detour from '../../src/index.ts';

test('these functions and classes, and no other', () => {
  expect(Object.keys(detour).sort()).toEqual([
    'DetourError',
    'collect',
    'deposit',
    'explain',
    'list',
    'memoryLog',
    'openDepositor',
    'openSender',
    'receive',
    'send',
    'startRelay',
    'status',
  ]);
});

test('these types, and no other', () => {
  const text = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8').replace(/\/\/.*/g, '');
  const types = [...text.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, names = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && (all !== undefined || name.startsWith('type ')))
      .map((name) => name.replace('type ', '')),
  );
  expect(types.sort()).toEqual([
    'Address',
    'Addressee',
    'Attempt',
    'AttemptEnd',
    'Body',
    'CatalogEntry',
    'CollectOptions',
    'CollectedMessage',
    'Collection',
    'ConnectOptions',
    'DepositOptions',
    'Depositor',
    'Endpoint',
    'FailureLines',
    'Handle',
    'HeldMessage',
    'ListOptions',
    'Listening',
    'LoopMessage',
    'Loss',
    'MailboxContent',
    'MailboxStatus',
    'OpenLog',
    'Phase',
    'ReceiveOptions',
    'ReceivedMessage',
    'Receiver',
    'Relay',
    'RelayLimits',
    'RelayStatus',
    'RelayStore',
    'SendOptions',
    'Sender',
    'Sent',
    'StartRelayOptions',
    'Usage',
    'VerdictName',
    'WaitOptions',
    'Waiting',
  ]);
});

test('the signatures', () => {
  type Endpoint = string | { readonly host: string; readonly port: number };
  type Body = Uint8Array | string;
  expectTypeOf<detour.Endpoint>().toEqualTypeOf<Endpoint>();
  expectTypeOf<detour.Body>().toEqualTypeOf<Body>();
  expectTypeOf(detour.send).toBeCallableWith('127.0.0.1:4101', 'hello');
  expectTypeOf(detour.send).toBeCallableWith({ host: '::1', port: 1 }, new Uint8Array(1), {
    as: 'alice',
    id: 'i',
    timeoutMs: 1,
    patient: true,
    heartbeatSeconds: 1,
    signal: AbortSignal.abort(),
  });
  expectTypeOf(detour.send).returns.resolves.toEqualTypeOf<detour.Sent>();
  expectTypeOf(detour.openSender).returns.toEqualTypeOf<detour.Sender>();
  expectTypeOf<detour.Sender['send']>().returns.resolves.toEqualTypeOf<detour.Sent>();
  expectTypeOf(detour.deposit).toBeCallableWith('127.0.0.1', 'bob', 'hello', {
    ttlSeconds: 1,
    notify: 'w-alice',
    earlier: true,
  });
  expectTypeOf(detour.deposit).returns.resolves.toEqualTypeOf<detour.Sent>();
  expectTypeOf(detour.openDepositor).returns.toEqualTypeOf<detour.Depositor>();
  expectTypeOf(detour.collect).returns.toEqualTypeOf<detour.Collection>();
  expectTypeOf(detour.collect).toBeCallableWith('127.0.0.1', { as: 'bob', follow: true, limit: 1 });
  expectTypeOf(detour.status).returns.resolves.toEqualTypeOf<detour.RelayStatus>();
  expectTypeOf(detour.list).toBeCallableWith('127.0.0.1', 'bob', { after: 1, limit: 5, timeoutMs: 1 });
  expectTypeOf(detour.list).returns.resolves.toEqualTypeOf<detour.MailboxContent>();
  expectTypeOf(detour.startRelay).toBeCallableWith({ journal: 'folder', maxDiskBytes: 1, salvage: true });
  expectTypeOf(detour.startRelay).toBeCallableWith({
    log: detour.memoryLog(),
    host: '::1',
    port: 0,
    name: 'r',
  });
  expectTypeOf(detour.startRelay).returns.resolves.toEqualTypeOf<detour.Relay>();
  expectTypeOf(detour.explain).parameters.toEqualTypeOf<[code: string]>();
  // With `handle`, the result cannot be looped over.
  const looped = () => detour.receive();
  const handled = () => detour.receive({ handle: async () => 'thanks' });
  expectTypeOf(looped).returns.resolves.toEqualTypeOf<detour.Receiver>();
  expectTypeOf(handled).returns.resolves.toEqualTypeOf<detour.Listening>();
  expectTypeOf<detour.Sent['verdict']>().toEqualTypeOf<
    'DELIVERED' | 'STORED' | 'NOT_DELIVERED' | 'UNKNOWN'
  >();
  expectTypeOf<detour.Sent['reply']>().toEqualTypeOf<Buffer | undefined>();
  expectTypeOf<detour.Sent['number']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<
    detour.Sender | detour.Receiver | detour.Listening | detour.Depositor | detour.Collection | detour.Relay
  >().toExtend<AsyncDisposable & { close(): Promise<void> }>();
});

test('what is not meant does not compile', () => {
  const wrong = [
    // @ts-expect-error a number is not an address
    () => detour.send(4101, 'hello'),
    // @ts-expect-error a number is not a body
    () => detour.send('127.0.0.1', 5),
    // @ts-expect-error a relay needs a journal or a log
    () => detour.startRelay({ port: 0 }),
    // @ts-expect-error a journal or a log, not both
    () => detour.startRelay({ journal: 'folder', log: detour.memoryLog() }),
    // @ts-expect-error the mailbox is missing
    () => detour.deposit('127.0.0.1', 'hello'),
  ];
  expect(wrong).toHaveLength(5);
});

test('the catalogue explains the codes of errors and verdicts', () => {
  expect(detour.explain('econnrefused')[0]).toMatchObject({ code: 'ECONNREFUSED' });
  expect(detour.explain('NOT DELIVERED')[0]).toMatchObject({ code: 'NOT_DELIVERED' });
  expect(() => detour.explain('ECONREFUSED')).toThrow(
    expect.objectContaining({ code: 'usage', hint: 'did you mean ECONNREFUSED?' }),
  );
});
