// The catalogue, part 6: the verdicts themselves. An entry for each explains the word, and is never why a send failed.

import type { SpokenEntry } from '../entry.ts';

/** The verdicts, from the best to the worst. */
export const VERDICTS: readonly SpokenEntry[] = [
  {
    code: 'DELIVERED',
    moments: ['answer'],
    wire: "RECEIVED from {peer}'s program; with async send --wait, the receipt",
    certainty: 'This is a verdict, exit code 0.',
    title: "the verdict: bob's program has handled it",
    meaning:
      'The receiving program has written the message to its output, and that write came back. It said so itself.',
    so: 'the program had it, and was done with it',
    notSo: '"it is on bob\'s disk": shown is not kept, nobody promised that',
    tryNext: 'detour sync send --ladder shows whose word each step is',
  },
  {
    code: 'STORED',
    moments: ['answer'],
    wire: 'STORED from the relay',
    certainty: 'This is a verdict, exit code 0. Whether the recipient gets it, it leaves open: --wait asks.',
    title: "the verdict: durable on the relay's disk",
    meaning:
      'The relay has the message on its disk (fdatasync returned), and is responsible now: it keeps it until the recipient comes or ' +
      'its --ttl is over, also when it is killed. With dup=yes it was stored before, and may be gone by now.',
    so: 'the sender may go',
    notSo: '"bob has seen it": the relay has it, not bob',
    tryNext: 'detour async send --wait waits for the receipt',
  },
  {
    code: 'NOT_DELIVERED',
    moments: ['answer'],
    wire: 'no byte of the message was handed to the socket; or REFUSED or BYE answered it; or a bounce tried=no came',
    certainty: 'This is a verdict, exit code 10. It is about all attempts, never about one error code.',
    title: 'the verdict: certain, it did not and will not happen',
    meaning:
      'No attempt handed over a byte of the message, or each that did was told that it was not taken. Or it expired at the relay, ' +
      'which never wrote it to a receiver.',
    so: 'it did not happen, and it will not',
    notSo: '"an error, so not delivered": after the message was handed over most errors leave it UNKNOWN',
    tryNext: 'send it again: that cannot make it two',
  },
  {
    code: 'UNKNOWN',
    moments: ['answer'],
    wire: 'the message, or a part of it, was handed over, and no answer came to it; or a bounce tried=yes',
    certainty: 'This is a verdict, exit code 20.',
    title: 'the verdict: it may have happened, or not',
    meaning:
      'It was handed over and not answered: handled, with the answer lost on the way, and never read look the same from here. Nobody on ' +
      'this side can know.',
    so: 'nothing about what the other side did',
    notSo: '"no answer, so it failed": the answer may be what was lost',
    tryNext: {
      sync: 'ask the receiver. Sending again may make it two: sync remembers nothing',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  },
];
