// In which half of the board a process of a log belongs: one that is a relay, or talks to one, to the detour; all others to the direct
// route. Log files do not say it, but what a process does shows it; a link, or a client that reached nobody, goes by its port. Pure.

import type { Recorded } from '../../core/event.ts';
import type { Route } from './messages.ts';

/** One run of a program, as far as it matters here. */
interface Run {
  /** What it has shown by itself. */
  own?: Route;
  /** The ports that it listened on or called. Whoever has a port in common is on the same route. */
  readonly ports: Set<number>;
}

/** Finds the half of each process. Give it all events of the logs, each once, in the order of their logs. */
export class Routes {
  readonly #runs: Run[] = [];
  readonly #current = new Map<string, Run>();
  readonly #found = new Map<Run, Route>();
  #stale = false;

  /**
   * Takes the next event.
   * @returns the run that it belongs to, for `of`
   */
  add(recorded: Recorded): object {
    const key = `${recorded.pid} ${recorded.actor}`;
    let run = this.#current.get(key);
    // In containers a new process often has the pid of the old one.
    if (run === undefined || recorded.event === 'started') {
      run = { ports: new Set() };
      this.#current.set(key, run);
      this.#runs.push(run);
      this.#stale = true;
    }
    const shows = evidence(recorded);
    if (run.own === undefined && shows !== undefined) {
      run.own = shows;
      this.#stale = true;
    }
    const port = portIn(recorded);
    if (port !== undefined && !run.ports.has(port)) {
      run.ports.add(port);
      this.#stale = true;
    }
    return run;
  }

  /** The half of a run, by all events so far. */
  of(run: object): Route {
    if (this.#stale) this.#find();
    return this.#found.get(run as Run) ?? 'direct';
  }

  #find(): void {
    this.#stale = false;
    this.#found.clear();
    const ports = new Map<number, Route>();
    const settle = (run: Run, route: Route): void => {
      this.#found.set(run, route);
      for (const port of run.ports) if (!ports.has(port)) ports.set(port, route);
    };
    for (const run of this.#runs) if (run.own !== undefined) settle(run, run.own);
    let open = this.#runs.filter((run) => run.own === undefined);
    // A link hands on what is known of its server to its clients, and the other way round; so do links behind links.
    for (let before = -1; open.length !== before; ) {
      before = open.length;
      open = open.filter((run) => {
        const port = [...run.ports].find((one) => ports.has(one));
        const route = port === undefined ? undefined : ports.get(port);
        if (route !== undefined) settle(run, route);
        return route === undefined;
      });
    }
  }
}

const RELAY_VERBS = new Set(['STORED', 'RECEIVE', 'MESSAGE', 'ACK', 'EMPTY', 'STATUS', 'MAILBOX', 'END']);
const RELAY_EVENTS = new Set(['stored', 'acknowledged', 'expired', 'mailbox', 'status', 'recovered']);

// What an event shows about the route of its process; undefined if it fits both.
function evidence(recorded: Recorded): Route | undefined {
  const { event } = recorded;
  if (RELAY_EVENTS.has(event)) return 'detour';
  switch (event) {
    case 'started': {
      const mode = /^\W*(sync|async)\b/.exec(recorded.argv)?.[1];
      return mode === undefined ? undefined : mode === 'sync' ? 'direct' : 'detour';
    }
    case 'listening':
      return { receiver: 'direct', relay: 'detour', link: undefined }[recorded.role] as Route | undefined;
    case 'sent':
    case 'received':
      if (recorded.verb === 'READY') return recorded.fields.role === 'relay' ? 'detour' : 'direct';
      if (recorded.verb === 'RECEIVED') return 'direct';
      return RELAY_VERBS.has(recorded.verb) ? 'detour' : undefined;
    case 'rung':
      // Only the direct route has no disk.
      if (recorded.rung !== 'durable') return undefined;
      return recorded.state === 'none' ? 'direct' : 'detour';
    default:
      return undefined;
  }
}

function portIn(recorded: Recorded): number | undefined {
  switch (recorded.event) {
    case 'listening':
    case 'connecting':
      return recorded.port;
    case 'connected':
    case 'reached':
      return portOf(recorded.remote);
    case 'accepted':
      return portOf(recorded.local);
    default:
      return undefined;
  }
}

const portOf = (address: string): number | undefined => {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined ? undefined : Number(port);
};
