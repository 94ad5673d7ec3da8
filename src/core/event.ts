// All events, as one table. Everything below cli/ reports only through an `emit` that it is given:
// one stream of events feeds the narration, the diagram, the log and the tests. Record first, render later.

/** How sure a sender may be. There are three answers, never two; STORED is DELIVERED's counterpart at the relay. */
const VERDICTS = ['DELIVERED', 'STORED', 'NOT_DELIVERED', 'UNKNOWN'] as const;
/** The name of a verdict. */
export type VerdictName = (typeof VERDICTS)[number];

/** The two routes of a story of `detour demo`. */
const ROUTES = ['direct', 'detour'] as const;

/** The rungs of a message's ladder, from the lowest (exchange/ladder.ts). */
export const RUNGS = ['handed', 'acknowledged', 'read', 'durable', 'handled'] as const;
/** The name of a rung of a message's ladder. */
export type RungName = (typeof RUNGS)[number];

/**
 * What is known of a rung. `reached`: it was reached. `no`: it was certainly not reached. `unknown`: nothing was heard of it.
 * `unseen`: it cannot be observed from here. `none`: there is no such rung on this route. `unasked`: nobody asked to be told.
 */
const RUNG_STATES = ['reached', 'no', 'unknown', 'unseen', 'none', 'unasked'] as const;
/** What is known of a rung of a message's ladder. */
export type RungState = (typeof RUNG_STATES)[number];

/** The fields of a frame as they were on the wire (numbers as numbers), without the body. */
export type FrameFields = Readonly<Record<string, string | number>>;

/** The kinds of values that a field may hold. trace/line.ts defines what each kind accepts. */
export type Kind = 'text' | 'number' | 'count' | 'name' | 'id' | 'word' | 'printable' | 'verb';
/** A field of an event: a list of allowed words, or a kind (with `?` if the field is optional), or the fields of a frame. */
export type Field = readonly string[] | Kind | `${Kind}?` | 'fields';

const connection = { conn: 'count' } as const;
const ends = { conn: 'count', local: 'printable', remote: 'printable' } as const;
const frame = { conn: 'count', n: 'count', verb: 'verb', fields: 'fields' } as const;

/**
 * Every event with its fields. To add an event: one row here.
 * `conn` numbers the connections of a process from 1.
 * `n` numbers the frames of one direction of one connection from 1: sent number n is received number n.
 */
export const EVENTS = {
  // a process
  // The first event of a run, only if there is a --log: its `time` is the start. `argv`: the words after `detour`, long ones shortened.
  started: { version: 'printable', argv: 'text', system: 'text', node: 'printable', host: 'text' },
  listening: { role: ['receiver', 'relay', 'link'], host: 'printable', port: 'count', store: 'id?' },
  stopping: { why: ['asked', 'kill', 'done', 'failed'] },
  // `ms`: for how long. 0: stopped from outside by a signal, until another one lets it go on (`detour board`).
  freezing: { ms: 'number' },
  thawed: { ms: 'number' },
  // a connection
  // A name is being looked up. Then each of its addresses is a connection of its own, one after the other: number `nth` of `of`.
  resolving: { host: 'printable' },
  connecting: {
    conn: 'count',
    host: 'printable',
    port: 'count',
    address: 'printable?',
    nth: 'count?',
    of: 'count?',
  },
  // The address did not answer for `ms`, and detour itself goes on to the next one. Its kernel would have tried longer.
  gave_up: { conn: 'count', ms: 'number' },
  connected: ends,
  accepted: ends,
  sent: frame,
  received: frame,
  // A large body comes slowly: `have` of `size` bytes have been read so far.
  arriving: { conn: 'count', have: 'count', size: 'count' },
  fin: connection,
  // When it closed, a frame had begun and not ended: its bytes so far, and the first of them as they look.
  unfinished: { conn: 'count', bytes: 'count', start: 'text' },
  broken: { conn: 'count', code: 'word', syscall: 'text' },
  silent: { conn: 'count', ms: 'number' },
  closed: connection,
  // `text`: what is known of why the connection ended, in a sentence.
  reconnecting: { ms: 'number', why: 'text', text: 'text?' },
  refused: { conn: 'count', code: 'word', reason: 'text', id: 'id?' },
  // a message
  // `text` is the body; where it is not UTF-8, `base64`.
  shown: {
    id: 'id',
    from: 'name',
    size: 'count',
    seq: 'count?',
    attempt: 'count?',
    kind: 'word?',
    text: 'text?',
    base64: 'text?',
  },
  // A collector got a message again that it had handled before: it acknowledges it and does not show it again.
  repeated: { id: 'id', from: 'name', seq: 'count', attempt: 'count' },
  stored: {
    id: 'id',
    from: 'name',
    to: 'name',
    seq: 'count',
    size: 'count',
    held: 'count',
    present: 'word',
    kind: 'word?',
  },
  acknowledged: { to: 'name', seq: 'count', held: 'count' },
  expired: { to: 'name', seq: 'count', id: 'id', from: 'name', tried: ['yes', 'no'] },
  // `how`: why the collector of `left` is gone: `bye`, `fin`, `silent`, … (exchange/session.ts), or an errno. `again`: messages that it was sent
  // and did not acknowledge, so they will be sent again. `held`: all messages of the mailbox.
  mailbox: {
    name: 'name',
    state: ['collecting', 'left', 'replaced'],
    how: 'word?',
    again: 'count?',
    held: 'count?',
  },
  // `async status --watch`: a mailbox of the relay has changed; `async list`: the mailbox that is listed. Nothing waits in it any more and nobody collects it: held=0, connected=no.
  status: { name: 'name', held: 'count', bytes: 'count', oldest: 'count?', connected: ['yes', 'no'] },
  // `async list`: a message that the mailbox `name` holds, and for how long (`ms`). No `id` and `from`: the relay cannot read it.
  listed: {
    name: 'name',
    seq: 'count',
    id: 'id?',
    from: 'name?',
    at: 'count',
    ms: 'count',
    size: 'count',
    attempts: 'count',
    kind: 'word?',
  },
  // Each rung of a message's ladder, once. `by`: who says so. `left`: bytes not acknowledged. `ms`: time since sending began.
  rung: {
    conn: 'count?',
    id: 'id',
    rung: RUNGS,
    state: RUNG_STATES,
    by: 'word?',
    left: 'count?',
    ms: 'number',
  },
  // `outcome`: the verdict on one message, when it is known. `verdict`: the verdict with which the process ends; of several messages, the worst.
  outcome: { verdict: VERDICTS, code: 'text', id: 'text', ms: 'number' },
  verdict: { verdict: VERDICTS, code: 'text', id: 'text', ms: 'number', exit: 'count' },
  // the disk
  recovered: { messages: 'count', mailboxes: 'count' },
  cut: { file: 'text', offset: 'count', bytes: 'count' },
  disk_full: {},
  disk_room: {},
  // A link: connections through it (`line` numbers them from 1), and faults. `up`, `down`: bytes that passed in each direction.
  // `reached`: the link has connected to the server, which sees `local` as the address of its client.
  // `faulty`: do the faults hold for this connection? Only with --chance.
  linked: { line: 'count', from: 'printable', faulty: 'word?' },
  reached: { line: 'count', local: 'printable', remote: 'printable' },
  unlinked: { line: 'count', how: 'word', up: 'count', down: 'count' },
  fault: { fault: 'word', value: 'printable?', up: 'count', down: 'count' },
  // only in the output of --json: how many events were left out, because nobody read them in time
  dropped: { count: 'count' },
  // `detour doctor` looked at something. `fails`: that will fail as it is. `warning`: it may be in the way, or cannot be seen. `advice`: what to do.
  checked: { what: 'text', state: ['ok', 'warning', 'fails'], found: 'text', advice: 'text?' },
  // the person at the keyboard
  notice: { text: 'text' },
  // `detour demo`: what a person said before a route of a story was played, and the verdict that it ended with.
  guess: { story: 'id', route: ROUTES, guess: VERDICTS },
  scene: { story: 'id', route: ROUTES, verdict: VERDICTS },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Field>>>>;

type Value<Of> = Of extends readonly (infer Word)[]
  ? Word
  : Of extends 'fields'
    ? FrameFields
    : Of extends `count${string}` | 'number'
      ? number
      : string;
type Row<Fields> = {
  [Key in keyof Fields as Fields[Key] extends `${string}?` ? never : Key]: Value<Fields[Key]>;
} & { [Key in keyof Fields as Fields[Key] extends `${string}?` ? Key : never]?: Value<Fields[Key]> };

/** One thing that happened in one process. */
export type Event = {
  [Name in keyof typeof EVENTS]: { event: Name } & Row<(typeof EVENTS)[Name]>;
}[keyof typeof EVENTS];

/** Takes an event. It must not throw and must not block for long. */
export type Emit = (event: Event) => void;

/** An event with who, when and where, as it is in a log and as `--json` prints it. */
export type Recorded = Event & {
  /** ISO 8601 UTC with nanoseconds. */
  readonly time: string;
  /** The name the process goes by, e.g. `bob`. */
  readonly actor: string;
  readonly pid: number;
};
