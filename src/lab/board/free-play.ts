// Free play: both routes, with a link on every line, and everything that can be done to a process or a line. The processes are those of the
// stories (lab/demo/cast.ts). They run as in a terminal, so that what they say can be shown as it is; their events come from their logs.

import { DetourError, reasonOf } from '../../core/error.ts';
import type { Recorded, VerdictName } from '../../core/event.ts';
import { visible } from '../../core/visible.ts';
import {
  cableTo,
  collectingBob,
  detourAlice,
  directAlice,
  listeningBob,
  relay,
  type Server,
} from '../demo/cast.ts';
import type { Actor } from '../stage/actor.ts';
import { Stage } from '../stage/stage.ts';
import type { ActorAction, ActorId, LineAction, LineId, Route, StageState } from './messages.ts';
import {
  actorState,
  applyFault,
  lineState,
  type Part,
  SIGNALS,
  STATES,
  typedFor,
  type Wire,
} from './stage-state.ts';

/** The most alices at a time: each is a process of some 50 MB. */
const MOST_ALICES = 20;
/** The longest text that can be said, in bytes. */
const LONGEST_TEXT = 64 * 1024;
/** How many of the last lines of a process are kept, and how many characters of each. */
const LINES_KEPT = 10;
const LINE_KEPT = 500;

/** What free play tells. */
export interface FreePlayOptions {
  /** The program of the actors, as for a `Stage`. */
  readonly program?: readonly string[] | undefined;
  readonly event: (recorded: Recorded, route: Route) => void;
  /** The state of the stage has changed. */
  readonly changed: () => void;
  /** Something that everybody should know. */
  readonly notice: (text: string) => void;
}

/** A stage with both routes. It begins to set itself up when it is made. */
export class FreePlay {
  readonly #options: FreePlayOptions;
  readonly #stages: Readonly<Record<Route, Stage>>;
  readonly #parts: readonly Part[];
  readonly #wires: readonly Wire[];
  readonly #partOf = new Map<Actor, Part>();
  readonly #alices = new Set<Actor>();
  readonly #ready: Promise<void>;
  #closed = false;

  /** @throws DetourError `not_built` if there is no compiled program */
  constructor(options: FreePlayOptions) {
    this.#options = options;
    this.#stages = { direct: this.#stage('direct'), detour: this.#stage('detour') };
    const part = (id: ActorId, start?: Part['start']): Part => {
      const [route, name] = id.split('/') as [Route, string];
      return { id, route, name, talk: [], ...(start && { start }) };
    };
    const { direct, detour } = this.#stages;
    this.#parts = [
      part('direct/alice'),
      part('direct/bob', () => listeningBob(direct, this.#portOf('direct/bob'))),
      part('detour/alice'),
      part('detour/relay', () => relay(detour, this.#portOf('detour/relay'))),
      part('detour/bob', () => collectingBob(detour, this.#linkOf('detour/down'), '--follow')),
    ];
    const wire = (id: LineId, from: ActorId, to: ActorId): Wire => {
      const [route] = id.split('/') as [Route];
      return { id, route, from, to, cut: false, full: false };
    };
    this.#wires = [
      wire('direct/line', 'direct/alice', 'direct/bob'),
      wire('detour/up', 'detour/alice', 'detour/relay'),
      wire('detour/down', 'detour/relay', 'detour/bob'),
    ];
    this.#ready = this.#begin().catch((error: unknown) => {
      throw new DetourError('usage', 'The stage could not be set up.', reasonOf(error));
    });
    // Whoever commands is told; at the beginning everybody is.
    this.#ready.catch((error: unknown) => {
      if (!this.#closed) options.notice(reasonOf(error));
    });
  }

  /** Everything on the stage, now. */
  state(): StageState {
    return { actors: this.#parts.map(actorState), lines: this.#wires.map(lineState) };
  }

  /**
   * Does something to a process. Resolves when it is done; of `start` and `stop`, when it is under way.
   * @throws DetourError `usage` if that cannot be done to it now, or the stage could not be set up
   */
  async act(id: ActorId, action: ActorAction): Promise<void> {
    await this.#ready;
    const part = this.#part(id);
    const { state, can } = actorState(part);
    if (!can.includes(action)) throw notNow(`${action} ${part.name}`, `${part.name} is ${STATES[state]}`);
    const { actor } = part;
    if (action === 'start') this.#start(part);
    else if (actor === undefined) return;
    else if (action === 'kill') await this.#kill(part, actor);
    else if (action === 'freeze') this.#freeze(part, actor);
    else if (action === 'thaw') this.#thaw(part, actor);
    else actor.child.kill('SIGINT');
    this.#options.changed();
  }

  /**
   * Types a command to the link of a line.
   * @throws DetourError `usage` if that cannot be done to it now
   */
  async strike(id: LineId, action: LineAction): Promise<void> {
    await this.#ready;
    const wire = this.#wire(id);
    const { can, text } = lineState(wire);
    if (!can.includes(action)) throw notNow(`${action} this line`, `it is ${text}`);
    for (const command of typedFor(action, wire)) wire.link?.actor.type(command);
  }

  /**
   * Starts an alice on each of these routes, who sends the text.
   * @param concluded is called with the verdict and the pid of each, unless she ends without one
   * @throws DetourError `usage` if the text is empty or too long, or too many alices are running
   */
  async say(
    text: string,
    routes: readonly Route[],
    concluded: (route: Route, verdict: VerdictName, pid: number) => void,
  ): Promise<void> {
    await this.#ready;
    if (text === '') throw new DetourError('usage', 'There is nothing to say.', 'Type a message first.');
    if (Buffer.byteLength(text) > LONGEST_TEXT)
      throw new DetourError('usage', 'The message is too long.', 'At most 64 KiB can be said here.');
    if (this.#alices.size + routes.length > MOST_ALICES)
      throw new DetourError(
        'usage',
        `${this.#alices.size} alices are still waiting for an answer; there may be ${MOST_ALICES}.`,
        'Wait until some of them have given up, or reset the stage.',
      );
    for (const route of routes) this.#alice(route, text, concluded);
    this.#options.changed();
  }

  /** Ends every process and removes the files. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#stages.direct.close(), this.#stages.detour.close()]);
    await this.#ready.catch(() => {});
  }

  // Both routes have a stage of their own, as in a story. Ctrl-C is for the board: it closes this.
  #stage(route: Route): Stage {
    return new Stage({
      program: this.#options.program,
      onInterrupt: () => {},
      watch: (recorded) => {
        if (!this.#closed) this.#options.event(recorded, route);
      },
      talk: (actor, line) => {
        const talk = this.#partOf.get(actor)?.talk;
        if (talk === undefined || line === '') return;
        talk.push(visible(line, { max: LINE_KEPT }));
        talk.splice(0, talk.length - LINES_KEPT);
        this.#options.changed();
      },
    });
  }

  async #begin(): Promise<void> {
    const [bob, hub] = await Promise.all([
      this.#start(this.#part('direct/bob')) as Promise<Server>,
      this.#start(this.#part('detour/relay')) as Promise<Server>,
    ]);
    await Promise.all(
      this.#wires.map(async (wire) => {
        const link = await cableTo(this.#stages[wire.route], wire.route === 'direct' ? bob : hub);
        wire.link = link;
        link.actor.watch((recorded) => this.#linkSaid(wire, recorded));
        void link.actor.ended.then(this.#options.changed);
      }),
    );
    this.#start(this.#part('detour/bob'));
    this.#options.changed();
  }

  // Starts the process of a part. What it returns resolves when it listens; nobody need wait for that: if it cannot listen it says so and ends.
  #start(part: Part): unknown {
    const begun = part.start?.();
    if (begun instanceof Promise) begun.catch(() => {});
    const actor = this.#stages[part.route].actors.at(-1);
    if (actor !== undefined) this.#plays(part, actor);
    return begun;
  }

  #plays(part: Part, actor: Actor): void {
    part.actor = actor;
    part.frozenAt = undefined;
    this.#partOf.set(actor, part);
    actor.watch((recorded) => this.#said(part, actor, recorded));
    void actor.ended.then((exit) => {
      // Killed by somebody at another terminal. A kill from here, or one that was typed to it, is in its log.
      if (exit === 'SIGKILL' && !actor.events.some(({ event }) => event === 'stopping'))
        this.#note(part, actor, { event: 'stopping', why: 'kill' });
      this.#options.changed();
    });
  }

  #said(part: Part, actor: Actor, recorded: Recorded): void {
    if (recorded.event === 'listening') part.address = `${recorded.host}:${recorded.port}`;
    else if (part.actor !== actor) return;
    else if (recorded.event === 'freezing') part.frozenAt ??= performance.now();
    else if (recorded.event === 'thawed') part.frozenAt = undefined;
    else return;
    this.#options.changed();
  }

  #linkSaid(wire: Wire, recorded: Recorded): void {
    if (recorded.event === 'notice') this.#options.notice(recorded.text);
    if (recorded.event !== 'fault') return;
    applyFault(wire, recorded);
    this.#options.changed();
  }

  #alice(
    route: Route,
    text: string,
    concluded: (route: Route, verdict: VerdictName, pid: number) => void,
  ): void {
    const { place } = this.#linkOf(route === 'direct' ? 'direct/line' : 'detour/up');
    // On stdin: a text may begin with a dash, and Windows limits what a command line may have.
    const alice = (route === 'direct' ? directAlice : detourAlice)(this.#stages[route], place, '-');
    this.#plays(this.#part(`${route}/alice`), alice);
    this.#alices.add(alice);
    alice.watch((recorded) => {
      if (recorded.event === 'verdict') concluded(route, recorded.verdict, recorded.pid);
    });
    void alice.ended.then(() => this.#alices.delete(alice));
    alice.input(text);
  }

  // Noted before the other ends can notice: what they see is the effect.
  async #kill(part: Part, actor: Actor): Promise<void> {
    actor.killNow();
    this.#note(part, actor, { event: 'stopping', why: 'kill' });
    await actor.ended;
  }

  #freeze(part: Part, actor: Actor): void {
    if (!SIGNALS) {
      actor.type('freeze 10m');
      return;
    }
    actor.child.kill('SIGSTOP');
    part.frozenAt = performance.now();
    this.#note(part, actor, { event: 'freezing', ms: 0 });
  }

  #thaw(part: Part, actor: Actor): void {
    const ms = Math.round(performance.now() - (part.frozenAt ?? performance.now()));
    this.#note(part, actor, { event: 'thawed', ms });
    part.frozenAt = undefined;
    actor.child.kill('SIGCONT');
  }

  // What was done to the process is done, even if its log has gone or its disk is full.
  #note(part: Part, actor: Actor, event: Parameters<Actor['note']>[0]): void {
    if (this.#closed) return;
    try {
      actor.note(event, this.#stages[part.route].clock);
    } catch (error) {
      this.#options.notice(`This is not in the log of ${part.name}, nor in the diagram: ${reasonOf(error)}`);
    }
  }

  #part(id: ActorId): Part {
    const part = this.#parts.find((one) => one.id === id);
    if (part === undefined) throw new DetourError('usage', `There is no actor "${visible(id)}".`);
    return part;
  }

  #wire(id: LineId): Wire {
    const wire = this.#wires.find((one) => one.id === id);
    if (wire === undefined) throw new DetourError('usage', `There is no line "${visible(id)}".`);
    return wire;
  }

  #linkOf(id: LineId): Server {
    const { link } = this.#wire(id);
    if (link === undefined) throw new TypeError('the stage is ready when every line has its link');
    return link;
  }

  #portOf(id: ActorId): string {
    return this.#part(id).address?.split(':').at(-1) ?? '0';
  }
}

const notNow = (what: string, is: string): DetourError =>
  new DetourError('usage', `You cannot ${what} now: ${is}.`);
