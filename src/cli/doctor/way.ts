// What `detour doctor` finds out about the way to a server, rung by rung: the name, the connection, the program's READY, its PONG. It says
// neither HELLO nor SEND, so the server has nobody new and nothing to keep.

import { asTyped } from '../../core/command-name.ts';
import type { DetourError } from '../../core/error.ts';
import type { Event } from '../../core/event.ts';
import { ms } from '../../core/units.ts';
import { ClientConnection } from '../../exchange/client.ts';
import { callerOf, RECEIVER_PORT, RELAY_PORT } from '../../library/arguments.ts';
import { connectionError } from '../../library/sent.ts';
import { type Address, addressBytes, formatAddress } from '../../net/address.ts';
import { type NetContext, netContext } from '../../net/context.ts';
import type { Report } from './check.ts';

/** A server to look for. */
export interface Way {
  readonly role: 'relay' | 'receiver';
  readonly to: Address;
  /** How long everything together may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** What was seen on the way to a server. Times are in milliseconds since the beginning. */
interface Sight {
  /** The address that was connected to, or tried last. */
  address: string | undefined;
  lookedUp: number | undefined;
  connected: number | undefined;
  ready: { readonly ms: number; readonly as: string } | undefined;
  /** How long the answer to PING took. */
  pong: number | undefined;
  /** Why it ended before the answer to PING, and when. */
  failed: { readonly ms: number; readonly error: DetourError } | undefined;
}

/** What each rung is called. */
const RUNGS = ['name', 'connect', 'READY', 'PONG'] as const;
type Rung = (typeof RUNGS)[number];

/** Looks how far one gets to a server, and reports each rung. */
export async function checkWay(way: Way, context: NetContext, report: Report): Promise<void> {
  const sight = await look(way, context);
  const failedAt = RUNGS.find((rung) => textOf(rung, way, sight) === undefined);
  for (const rung of RUNGS) {
    const found = textOf(rung, way, sight);
    if (found !== undefined) await report({ what: rung, state: 'ok', found });
    else if (rung === failedAt) await report({ what: rung, ...failure(rung, way, sight) });
    else await report({ what: rung, state: 'warning', found: 'not reached' });
  }
  const send =
    way.role === 'relay'
      ? asTyped`detour async send --relay ${formatAddress(way.to.host, way.to.port)} hello`
      : asTyped`detour sync send --to ${formatAddress(way.to.host, way.to.port)} hello`;
  if (failedAt === undefined)
    await report({
      what: 'message',
      state: 'warning',
      found: `none was sent, so whether the ${way.role} takes one is not known`,
      advice: `Send one: \`${send}\`.`,
    });
}

/** What was found on a rung; undefined if it was not reached. */
function textOf(rung: Rung, { to, role }: Way, sight: Sight): string | undefined {
  const { address, lookedUp = 0, connected, ready, pong } = sight;
  switch (rung) {
    case 'name':
      if (addressBytes(to.host) !== undefined)
        return `${to.host} is an address, so there is nothing to look up`;
      return address && `${to.host} is ${address}, looked up in ${ms(lookedUp)}`;
    case 'connect':
      return connected === undefined
        ? undefined
        : `open: the kernel of ${address} took the call after ${ms(connected - lookedUp)}`;
    case 'READY':
      return ready && `a detour ${role} named ${ready.as} greeted after ${ms(ready.ms)}`;
    case 'PONG':
      return pong === undefined ? undefined : `its program answered a PING in ${ms(pong)}`;
  }
}

/** What the end of a connect looks like from here, by its code. */
const LOOK_OF: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'a reject',
  EHOSTUNREACH: 'a reject, or no such computer',
  ETIMEDOUT: 'a drop, no answer',
  deadline: 'a drop, no answer',
};

const LOOKS =
  'An open port connects; a reject (RST, ICMP) is an error, mostly at once; a drop is silence until the deadline.';

function failure(rung: Rung, way: Way, { failed }: Sight) {
  if (failed === undefined) throw new Error(`the rung ${rung} was not reached, and nothing failed`);
  const { error } = failed;
  const after = `after ${ms(failed.ms)}: ${error.message}`;
  const more = asTyped`More: \`detour explain ${error.code}\`.`;
  if (rung !== 'connect')
    return { state: 'fails', found: after, advice: `${sentence(error.hint)} ${more}` } as const;
  const seen = LOOK_OF[error.code];
  return {
    state: 'fails',
    found: seen === undefined ? after : `${seen} ${after}`,
    advice: `${LOOKS} At the other end: \`${startCommand(way)}\`. ${more}`,
  } as const;
}

// The catalogue writes its advice without a capital letter and a full stop.
const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`;

/** The command that starts the server at the other end, so that this computer reaches it. */
export function startCommand({ role, to }: Way): string {
  const own = /^(?:127\.|::1$|localhost$)/.test(to.host);
  const usual = role === 'relay' ? RELAY_PORT : RECEIVER_PORT;
  return [
    asTyped(role === 'relay' ? 'detour async relay' : 'detour sync receive'),
    ...(own ? [] : [`--host ${to.host.includes(':') ? '::' : '0.0.0.0'}`]),
    ...(to.port === usual ? [] : [`--port ${to.port}`]),
  ].join(' ');
}

function look({ role, to, timeoutMs }: Way, context: NetContext): Promise<Sight> {
  const { clock } = context;
  const began = clock.monotonic();
  const since = (): number => clock.monotonic() - began;
  const sight: Sight = {
    address: addressBytes(to.host) === undefined ? undefined : to.host,
    lookedUp: undefined,
    connected: undefined,
    ready: undefined,
    pong: undefined,
    failed: undefined,
  };
  const watch = (event: Event): void => {
    context.emit?.(event);
    // A name that has no address is reported, too, but without one.
    if (event.event !== 'connecting' || event.address === undefined) return;
    sight.address = event.address;
    sight.lookedUp ??= since();
  };
  const watched = netContext(watch, clock, context.frames, () => context.flush());
  return new Promise((resolve) => {
    const timer = clock.after(timeoutMs, () => client.drop({ how: 'deadline' }));
    const client = new ClientConnection(
      {
        ...callerOf(to, { context: watched }, 'doctor'),
        tryNumber: 1,
        expect: role,
        connectMs: timeoutMs,
        helloLater: true,
      },
      {
        progressed: (phase) => {
          if (phase === 'greeting') sight.connected = since();
        },
        ready: ({ as }) => {
          sight.ready = { ms: since(), as };
          const asked = clock.monotonic();
          client.ping(() => {
            sight.pong = clock.monotonic() - asked;
            void client.leave();
          });
        },
        message: () => {},
        ended: (end) => {
          timer.cancel();
          if (sight.pong === undefined) {
            const { phase, seen } = client;
            const peer = role === 'relay' ? 'the relay' : 'the receiver';
            const route = role === 'relay' ? 'async' : 'sync';
            const address = formatAddress(to.host, to.port);
            const error = connectionError({ phase, end, seen }, { route, peer, address });
            sight.failed = { ms: since(), error };
          }
          resolve(sight);
        },
      },
    );
  });
}
