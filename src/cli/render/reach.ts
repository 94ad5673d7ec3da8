// What a server that others can reach says about its addresses.

import { formatAddress, ownAddresses } from '../../net/address.ts';
import { say } from './output.ts';

/**
 * Says what other computers type to reach a server, and who could be there. Says nothing about a server that only this computer can reach.
 * @param host the address that the server listens on
 * @param option the option with which a client names it: `--relay`, `--to`
 * @param risk what anybody in that network can do
 */
export function sayAddresses(host: string, port: number, option: string, risk: string): void {
  const own = ownAddresses(host);
  if (own.length === 0 && (host === '0.0.0.0' || host === '::'))
    say('  This computer has no address that others could reach: is it in a network?');
  for (const [index, { address, card }] of own.entries())
    say(
      `  ${index === 0 ? 'others type:' : '         or:'} ${option} ${formatAddress(address, port)}   (${card})`,
    );
  if (own.length > 0) say(`    anybody in that network can ${risk}`);
}
