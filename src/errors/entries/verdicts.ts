// The catalogue, part 6: the verdicts. Each entry explains the word; a verdict is never the reason why a send failed.

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
      'The receiving program wrote the message to its output, and that write was completed. It said so itself.',
    so: 'the program had it, and has finished handling it',
    notSo: '"it is on bob\'s disk": shown is not stored, and nobody promised that',
    tryNext: 'detour sync send --ladder shows whose word each step is',
  },
  {
    code: 'STORED',
    moments: ['answer'],
    wire: 'STORED from the relay',
    certainty:
      'This is a verdict, exit code 0. It does not say whether the recipient gets the message: --wait asks that, and ends with exit code 30 ' +
      'if neither receipt nor bounce comes.',
    title: "the verdict: durable on the relay's disk",
    meaning:
      'The relay has the message on its disk (an O_DSYNC write or fdatasync returned) and is responsible for it now. It keeps the message until ' +
      'the recipient collects it or its --ttl is over, even if the relay is killed. With dup=yes the message was stored before, and may be ' +
      'gone by now.',
    so: 'the sender may go',
    notSo: '"bob has seen it": the relay has it, not bob',
    tryNext: 'detour async send --wait waits for the receipt',
  },
  {
    code: 'NOT_DELIVERED',
    moments: ['answer'],
    wire: 'no byte of the message was handed to the socket; or REFUSED or BYE answered it; or a bounce tried=no came',
    certainty: 'This is a verdict, exit code 10. It is about all attempts, never about one error code.',
    title: 'the verdict: it certainly did not happen',
    meaning:
      'No attempt handed over a byte of the message, or each that did was told that it was not accepted. Or it expired at the relay, ' +
      'which had never written it to a receiver.',
    so: 'it did not happen, and it will not',
    notSo: '"an error, so not delivered": once the message is handed over, most errors leave it UNKNOWN',
    tryNext: 'send it again: that cannot deliver it twice',
  },
  {
    code: 'UNKNOWN',
    moments: ['answer'],
    wire: 'the message, or a part of it, was handed over, and no answer to it came; or a bounce tried=yes came',
    certainty: 'This is a verdict, exit code 20.',
    title: 'the verdict: it may have happened, or not',
    meaning:
      'The message was handed over and not answered. It may have been handled and the answer lost, or it may never have been read. ' +
      'From here the two look the same, and nobody on this side can know.',
    so: 'nothing about what the other side did',
    notSo: '"no answer, so it failed": the answer may be what was lost',
    tryNext: {
      sync: 'ask the receiver. Sending again may deliver it twice: sync remembers nothing. detour demo 3 shows how it comes about',
      async:
        'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes. detour demo 8 shows it',
    },
  },
];
