// alice: tries the direct route, and takes the detour over a relay if it is certain that bob was not reached.
//
//     npx tsx scripts/examples/sender.ts TEXT [RECEIVER] [RELAY]
//
// Left out: repeating an UNKNOWN at the relay, which is safe under the same id. Here alice only says that nobody knows.

import { deposit, type Sent, send } from 'detour';

const [text = 'hello', bob = '127.0.0.1:4101', relay = '127.0.0.1:4100'] = process.argv.slice(2);

function tell(route: string, { verdict, code, explanation }: Sent): void {
  console.log(`${route}: ${verdict} (${code})`);
  if (explanation !== undefined) console.log(`  ${explanation.wire}`);
}

const direct = await send(bob, text, { as: 'alice', timeoutMs: 5000 });
tell('direct', direct);

if (direct.verdict === 'DELIVERED') {
  console.log(`bob replied: ${direct.reply ?? '(nothing)'}`);
} else if (direct.verdict === 'NOT_DELIVERED') {
  // It was not delivered and never will be, so sending it again cannot make it two.
  tell('detour', await deposit(relay, 'bob', text, { as: 'alice', timeoutMs: 5000 }));
} else {
  // UNKNOWN: bob may have it. Sending it again could make it two.
  console.log('Ask bob whether he has it.');
}
