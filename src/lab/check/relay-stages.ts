// What a relay must do: keep each message until it is acknowledged, in order, once, over any kill.

import { frame } from './frames.ts';
import { mistakeStages } from './mistake-stages.ts';
import { Failed, Undecided } from './outcome.ts';
import { collect, KEPT, mustHold, numberOf, STORES, store, withMail } from './relay-client.ts';
import { crash, frozen } from './relay-crash.ts';
import { DELIVERY_STAGES } from './relay-delivery.ts';
import { sync } from './relay-sync.ts';
import { greeted, ready, type ServerRole, serverStages, started } from './server-stages.ts';
import type { Stage } from './stage.ts';

const KIND: ServerRole = {
  role: 'relay',
  send: (id) => `SEND id=${id} to=bob`,
  answer: (id) => `STORED id=${id} seq=* present=*`,
  taken: async (attempt, bodies) => void (await mustHold(attempt, 'bob', bodies, KEPT)),
  foreign: 'RECEIVED id=1\n',
};
const server = serverStages(KIND);
const mistakes = mistakeStages(KIND);

const stored: Stage = {
  name: 'STORED',
  does: 'stores a message for a name that was never seen',
  points: 3,
  section: 'STORED',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    wire.send(frame('SEND id=k3f9-1 to=zoe', attempt.word()));
    await wire.expect(
      'STORED id=k3f9-1 seq=* present=never',
      `${STORES} present=never: nobody has ever collected there.`,
    );
  },
};

const collects: Stage = {
  name: 'COLLECT',
  does: 'hands the message to its recipient, and forgets it after his ACK',
  points: 3,
  section: 'MESSAGE',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    const body = attempt.word();
    const seq = numberOf(await store(wire, 'SEND id=k3f9-1 to=bob', body, STORES), 'seq');
    const bob = await greeted(attempt, 'relay', 'bob');
    bob.send('RECEIVE window=8\n');
    const found = await bob.expect(
      `MESSAGE seq=${seq} id=k3f9-1 from=alice at=* held=* attempt=1`,
      'attempt=1: it was certainly never sent to anybody before.',
    );
    if (found.body?.toString() !== body) throw bob.failed(`the body ${body}`, 'The body is kept as it came.');
    bob.send(`ACK seq=${seq}\nBYE\n`);
    await bob.expect('BYE', 'ACK gets no answer. BYE shows that it has taken effect.');
    await mustHold(attempt, 'bob', [], 'What was acknowledged is gone.');
  },
};

const names: Stage = {
  name: 'NAMES',
  does: 'refuses mail for itself, and mail without a name',
  points: 1,
  section: 'SEND',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    wire.send(frame(`SEND id=n1 to=${attempt.as}`, 'hello'));
    await wire.expect('REFUSED id=n1 code=wrong_name', 'The relay has no mailbox of its own.');
    wire.send(frame('SEND id=n2', 'hello'));
    await wire.expect('REFUSED id=n2 code=bad_value', 'A relay must know whose mailbox it is for.');
  },
};

const boxes: Stage = {
  name: 'MAILBOXES',
  does: 'keeps two mailboxes apart, each in order, with numbers that rise',
  points: 2,
  section: 'A mailbox',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    const bodies: Readonly<Record<string, string[]>> = { bob: [], carol: [] };
    for (let count = 0; count < 12; count += 1) {
      const to = count % 3 === 1 ? 'carol' : 'bob';
      const body = attempt.word();
      bodies[to]?.push(body);
      await store(wire, `SEND id=b${count} to=${to}`, body, STORES);
    }
    for (const [name, all] of Object.entries(bodies))
      await mustHold(attempt, name, all, 'Each name has a mailbox of its own: first in, first out.');
  },
};

const repeat: Stage = {
  name: 'REPEAT',
  does: 'recognises a repeated id, also on another connection',
  points: 3,
  section: 'Repeats',
  async run(attempt) {
    await attempt.start();
    const [body, other] = [attempt.word(), attempt.word()];
    const wire = await ready(attempt, 'relay', 'alice');
    wire.send('HELLO version=1 as=alice session=s1 try=1\n');
    const seq = numberOf(await store(wire, 'SEND id=r1 to=bob', body, STORES), 'seq');
    const why = 'The sender repeats what was not answered. The same name and id are the same message.';
    wire.send(frame('SEND id=r1 to=bob', body));
    await wire.expect(`STORED id=r1 seq=${seq} dup=yes`, why);
    wire.reset();
    const next = await ready(attempt, 'relay', 'alice 2');
    next.send('HELLO version=1 as=alice session=s1 try=2\n');
    next.send(frame('SEND id=r1 to=bob', body));
    await next.expect(`STORED id=r1 seq=${seq} dup=yes`, why);
    next.send(frame('SEND id=r1 to=bob', `${body}!`));
    await next.expect('REFUSED id=r1 code=id_reused', 'Another body under the same id is another message.');
    const dora = await greeted(attempt, 'relay', 'dora');
    const foreign = await store(
      dora,
      'SEND id=r1 to=bob',
      other,
      'Ids belong to a name: this is the message of another sender.',
    );
    if (foreign.fields.get('dup') === 'yes')
      throw dora.failed(
        'STORED without dup=yes',
        'Ids belong to a name: this is the message of another sender.',
      );
    await mustHold(attempt, 'bob', [body, other], 'A repeat is one message, not two.');
  },
};

const status: Stage = {
  name: 'STATUS',
  does: 'says who has mail waiting, before HELLO too',
  points: 1,
  section: 'STATUS',
  async run(attempt) {
    await withMail(attempt, 2);
    const wire = await ready(attempt, 'relay');
    wire.send('STATUS\n');
    await wire.expect(
      'MAILBOX name=bob held=2 bytes=32 oldest=* connected=no',
      'Two messages of 16 bytes are held for bob.',
    );
    await wire.expect('END', 'END closes the answer.');
  },
};

const receipt: Stage = {
  name: 'RECEIPT',
  does: 'tells the sender who asked for it that the message was acknowledged',
  points: 2,
  section: 'Expiry and notices',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    const body = attempt.word();
    await store(wire, 'SEND id=n1 to=bob notify=alice', body, STORES);
    await mustHold(attempt, 'bob', [body], KEPT);
    const [notice] = await collect(attempt, 'alice');
    if (
      notice?.fields.get('kind') !== 'receipt' ||
      notice.fields.get('id') !== 'n1' ||
      notice.fields.get('from') !== attempt.as
    )
      throw wire.failed(
        `MESSAGE id=n1 from=${attempt.as} kind=receipt in the mailbox of alice`,
        'notify= names the mailbox that is told what became of the message.',
      );
  },
};

const ttl: Stage = {
  name: 'TTL',
  does: 'drops a message when its ttl is over, and tells the sender',
  points: 2,
  section: 'Expiry and notices',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    const body = attempt.word();
    await store(wire, 'SEND id=x1 to=bob ttl=1 notify=alice', attempt.word(), STORES);
    await store(wire, 'SEND id=x2 to=bob ttl=3600', body, STORES);
    await attempt.pass(1000);
    // The notice first: it shows that the relay, too, has noticed the time.
    const alice = await greeted(attempt, 'relay', 'alice');
    alice.send('RECEIVE window=1\n');
    await alice.expect(
      `MESSAGE id=x1 from=${attempt.as} kind=bounce tried=no`,
      'It had one second, and was certainly never sent to bob: NOT DELIVERED.',
    );
    await mustHold(attempt, 'bob', [body], 'The first message has expired. The second has not.');
  },
};

const crowd: Stage = {
  name: 'CROWD',
  does: 'serves everybody else while one client takes nothing of what it is sent',
  points: 2,
  section: 'Limits',
  async run(attempt) {
    const wire = await started(attempt, 'relay');
    // Larger than what the two kernels hold for a client that does not read.
    const large = Buffer.alloc(500_000, 'x');
    for (let count = 0; count < 16; count += 1) await store(wire, `SEND id=c${count} to=bob`, large, STORES);
    const bob = await greeted(attempt, 'relay', 'bob');
    bob.pause();
    bob.send('RECEIVE window=64\n');
    await attempt.pass(200);
    const quick = await greeted(attempt, 'relay', 'quick');
    await store(
      quick,
      'SEND id=q1 to=carol',
      'hello',
      'bob does not read his mail. Nobody else may have to wait for that.',
    );
    bob.reset();
  },
};

const restart: Stage = {
  name: 'RESTART',
  does: 'still has everything after kill -9: messages, numbers, ids, what was acknowledged',
  points: 5,
  section: 'STORED',
  async run(attempt) {
    const { seqs, bodies } = await withMail(attempt, 4);
    const bob = await greeted(attempt, 'relay', 'bob');
    bob.send('RECEIVE window=2\n');
    await bob.expect(`MESSAGE seq=${seqs[0]}`, KEPT);
    await bob.expect(`MESSAGE seq=${seqs[1]}`, KEPT);
    bob.send(`ACK seq=${seqs[0]}\n`);
    await bob.expect(`MESSAGE seq=${seqs[2]}`, 'The ACK makes room for one more.');
    bob.send('BYE\n');
    await bob.expect('BYE', 'BYE says that every ACK before it is on the disk.');
    const before = bob.frames[0]?.fields.get('store');
    await attempt.kill();
    const wire = await started(attempt, 'relay');
    if (wire.frames[0]?.fields.get('store') !== before)
      throw wire.failed(
        `READY … store=${before}`,
        'The name of the store is kept with the journal. Is the folder in DETOUR_JOURNAL used?',
      );
    wire.send(frame('SEND id=w1 to=bob', bodies[1] ?? ''));
    await wire.expect(
      `STORED id=w1 seq=${seqs[1]} dup=yes`,
      'The ids outlive a kill, too: this is a repeat.',
    );
    const fifth = attempt.word();
    const seq = numberOf(await store(wire, 'SEND id=w9 to=bob', fifth, STORES), 'seq');
    if (!(seq > (seqs[3] ?? 0)))
      throw wire.failed(`STORED with a number above ${seqs[3]}`, 'A mailbox never uses a number twice.');
    const mail = await mustHold(
      attempt,
      'bob',
      [...bodies.slice(1), fifth],
      'Everything that was STORED and not acknowledged is still there, once and in order.',
    );
    const attempts = mail.map((one) => numberOf(one, 'attempt'));
    if (!attempts.slice(0, 2).every((count) => count > 1))
      throw new Failed({
        sent: 'a kill while two messages were unacknowledged',
        expected: 'attempt=2 or more for them',
        came: `attempt=${attempts.join(', ')}`,
        why: 'attempt=1 says that it was certainly never sent before. These were.',
      });
    if (attempt.program.exit !== undefined) throw new Undecided('The relay has ended.');
  },
};

/** The stages for a relay, in teaching order. */
export const RELAY_STAGES: readonly Stage[] = [
  server.ready,
  server.hello,
  stored,
  collects,
  server.empty,
  server.bytes,
  server.split,
  server.joined,
  server.crlf,
  server.extra,
  mistakes.first,
  names,
  boxes,
  ...DELIVERY_STAGES,
  repeat,
  mistakes.large,
  mistakes.malformed,
  mistakes.verbs,
  mistakes.values,
  server.ping,
  server.two,
  server.slow,
  server.half,
  server.bye,
  mistakes.error,
  status,
  receipt,
  ttl,
  crowd,
  frozen,
  restart,
  sync,
  crash,
];
