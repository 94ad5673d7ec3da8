// The library: everything that `import … from 'detour'` gives. Nothing else can be imported. Each declaration says what it is for.
// Until 1.0, the functions and the types that they take and return change only with the minor version, and the release notes say so.
// Error codes, and whatever is documented as "may change in any 0.x", may change with every release.

export type { RelayLimits } from './async/admission.ts';
export type { OpenLog } from './async/log/log.ts';
export type { Loss } from './async/salvage.ts';
export type { Waiting } from './async/status.ts';
export { DetourError } from './core/error.ts';
export type { VerdictName } from './core/event.ts';
export type { FailureLines } from './errors/catalog.ts';
export type { CatalogEntry } from './errors/entry.ts';
export type { Attempt, AttemptEnd, Phase } from './exchange/verdict.ts';
export type { Body, ConnectOptions, Endpoint, WaitOptions } from './library/arguments.ts';
export { type CollectedMessage, type Collection, type CollectOptions, collect } from './library/collect.ts';
export { type DepositOptions, type Depositor, deposit, openDepositor } from './library/deposit.ts';
export { explain } from './library/explain.ts';
export { type HeldMessage, type ListOptions, list, type MailboxContent } from './library/list.ts';
export {
  type Handle,
  type Listening,
  type LoopMessage,
  type ReceivedMessage,
  type ReceiveOptions,
  type Receiver,
  receive,
} from './library/receive.ts';
export {
  memoryLog,
  type Relay,
  type RelayStore,
  type StartRelayOptions,
  startRelay,
} from './library/relay.ts';
export { openSender, type Sender, type SendOptions, send } from './library/send.ts';
export type { Addressee, Sent } from './library/sent.ts';
export { type MailboxStatus, type RelayStatus, status, type Usage } from './library/status.ts';
export type { Address } from './net/address.ts';
