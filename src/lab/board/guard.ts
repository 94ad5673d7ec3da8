// Who may ask the board for anything, and who may command. The page is for everybody who reaches the board by one of its own names; to
// command, one needs the token as well.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { formatAddress, ownAddresses } from '../../net/address.ts';

/** The header in which a page sends the token. Another site's page cannot send it: a browser would first ask this server whether it may. */
const TOKEN_HEADER = 'x-detour-token';

const EVERYWHERE = new Set(['0.0.0.0', '::']);

/** Does only this computer reach a server that listens on this address? */
export const isLoopback = (host: string): boolean => /^(?:localhost|127\.[\d.]+|::1)$/i.test(host);

/** Checks requests to one server. */
export class Guard {
  /** What it takes to command: 192 random bits. It is shown once, in the address that the board prints. */
  readonly token = randomBytes(24).toString('base64url');
  readonly #host: string;
  readonly #port: number;

  /** @param host the address that the server listens on, as it was given @param port the port that it has */
  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /**
   * Why a request is refused, as a sentence; undefined if it is not. `Host` must be a name of this server: a page of another site whose name
   * suddenly leads here (DNS rebinding) still sends its own name. `Origin`, and what else a browser says of the page that asks, must be the board's
   * own page.
   */
  refusal({ headers }: IncomingMessage): string | undefined {
    const host = headers.host?.toLowerCase() ?? '';
    if (!this.#names().some((name) => this.#written(name).includes(host)))
      return 'The board is not known by this name: use the address that it has printed.';
    if (headers.origin !== undefined && headers.origin.toLowerCase() !== `http://${host}`)
      return "This is not for another site's page.";
    const { 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers;
    // A link to the board may be anywhere; the page that it leads to is the board's own.
    if (mode !== 'navigate' && site !== 'same-origin' && site !== 'none')
      return "This is not for another site's page.";
    return undefined;
  }

  /** Does the request have the token? Hashes are compared, in constant time, so that how long it takes tells nothing. */
  mayCommand({ headers }: IncomingMessage): boolean {
    const given = headers[TOKEN_HEADER];
    return typeof given === 'string' && timingSafeEqual(hash(given), hash(this.token));
  }

  // Asked each time, because a laptop gets new addresses when it changes its network.
  #names(): string[] {
    const here = ['localhost', '127.0.0.1', '::1'];
    if (isLoopback(this.#host)) return [...here, this.#host];
    const own = EVERYWHERE.has(this.#host)
      ? [...here, ...ownAddresses(this.#host).map(({ address }) => address)]
      : [this.#host];
    return [...own, hostname()];
  }

  // As browsers write it: the port is left out if it is that of HTTP.
  #written(name: string): string[] {
    const full = formatAddress(name.toLowerCase(), this.#port);
    return this.#port === 80 ? [full, full.replace(/:80$/, '')] : [full];
  }
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
