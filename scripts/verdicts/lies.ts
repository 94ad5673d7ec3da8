// Builds that lie, each in one way: what the harness must catch.

import type { Broken } from '../lib/control.ts';

const ANSWER = `session.answer({ verb: 'STORED', id, seq: held.seq, present: presence(box) }, size);`;
const APPEND = 'this.#commits.append([entryOf(held, crc, body)], (refs) => {';
const CONCLUDE = `return attempts.some(isOpen) ? 'UNKNOWN' : 'NOT_DELIVERED';`;

const ENDED = 'for (const question of open)\n            question.end(end);';

const lie = (told: string, as = ''): RegExp => new RegExp(`^FAILED .*\\(${as}.*: ${told}`, 'm');

/** The lies. */
export const LIES: readonly Broken[] = [
  {
    what: 'a synchronous receiver that answers before it shows',
    edits: [
      {
        file: 'sync/receiver.js',
        from: 'const reply = await handle({ id, from: session.as, body });',
        to: 'const reply = undefined; setTimeout(() => handle({ id, from: session.as, body }).catch(() => {}), 15);',
      },
    ],
    finds: lie('DELIVERED, and it was never handled', 'sync'),
  },
  {
    what: 'an asynchronous receiver that acknowledges before it shows',
    edits: [
      {
        file: 'async/receiver.js',
        from: 'await this.#options.handle(message);',
        to: `call.send({ verb: 'ACK', seq: message.seq }); await new Promise((go) => setTimeout(go, 15)); await this.#options.handle(message);`,
      },
    ],
    finds: lie('(?:STORED, and it is nowhere|DELIVERED, and it was never handled)', 'wait'),
  },
  {
    what: 'a relay that says STORED when it is written, before it is synced',
    edits: [
      {
        file: 'async/store/writer.js',
        from: 'writeDurably(disk, handle.fd, bytes, offset, (failed) => {',
        to: 'disk.write(handle.fd, bytes, 0, offset, (failed) => {',
      },
    ],
    finds: lie('STORED, and it is nowhere'),
  },
  {
    what: 'a relay that says STORED before it writes',
    edits: [
      { file: 'async/relay.js', from: ANSWER, to: '' },
      { file: 'async/relay.js', from: APPEND, to: `${ANSWER} ${APPEND}` },
    ],
    finds: lie('STORED, and it is nowhere'),
  },
  {
    what: 'a sender that takes no answer for a no',
    edits: [{ file: 'exchange/verdict.js', from: CONCLUDE, to: `return 'NOT_DELIVERED';` }],
    finds: lie('NOT DELIVERED, and it was handled'),
  },
  {
    what: 'a sender that takes ECONNRESET for a no',
    edits: [
      {
        file: 'exchange/verdict.js',
        from: CONCLUDE,
        to: `return attempts.some((a) => isOpen(a) && a.end?.code !== 'ECONNRESET') ? 'UNKNOWN' : 'NOT_DELIVERED';`,
      },
    ],
    finds: lie('NOT DELIVERED, and it was handled'),
  },
  {
    what: 'a sender that takes a repeat refused as disk_full for a no',
    edits: [
      {
        file: 'exchange/verdict.js',
        from: CONCLUDE,
        to: `return attempts.some(isOpen) && attempts.at(-1)?.end?.code !== 'disk_full' ? 'UNKNOWN' : 'NOT_DELIVERED';`,
      },
    ],
    finds: lie('NOT DELIVERED, and it was handled', 'async'),
  },
  {
    what: 'a sender that takes the end of a call for a no to all but the first that are open',
    edits: [
      {
        file: 'exchange/ask.js',
        from: ENDED,
        to: `open.forEach((question, i) => question.end(i === 0 ? end : { how: 'bye' }));`,
      },
    ],
    finds: lie('NOT DELIVERED, and it was handled', 'async'),
  },
  {
    what: 'a server that says BYE before it has answered',
    edits: [
      {
        file: 'exchange/server-connection.js',
        from: 'this.#over || this.#unanswered > 0 || this.#waiting',
        to: 'this.#over || this.#waiting',
      },
    ],
    finds: lie('NOT DELIVERED, and it was handled'),
  },
];
