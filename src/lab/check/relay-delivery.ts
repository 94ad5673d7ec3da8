// What a relay must do when a recipient comes for his mail.

import { mustHold, STORES, withMail } from './relay-client.ts';
import { greeted, ready } from './server-stages.ts';
import type { Stage } from './stage.ts';

const window: Stage = {
  name: 'WINDOW',
  does: 'sends no more than the window allows, and no more than limit=',
  points: 2,
  section: 'RECEIVE',
  async run(attempt) {
    const { seqs } = await withMail(attempt, 5);
    const bob = await greeted(attempt, 'relay', 'bob');
    const why = 'window= is how many MESSAGEs may be unacknowledged.';
    bob.send('RECEIVE window=2\n');
    await bob.expect(`MESSAGE seq=${seqs[0]}`, why);
    await bob.expect(`MESSAGE seq=${seqs[1]}`, why);
    bob.send('PING\n');
    await bob.expect('PONG', `${why} Two are, so nothing but PONG may come.`);
    bob.send(`ACK seq=${seqs[0]}\n`);
    await bob.expect(`MESSAGE seq=${seqs[2]}`, 'The ACK makes room for one more.');
    bob.close();
    const limited = await greeted(attempt, 'relay', 'bob');
    limited.send('RECEIVE window=4 limit=1\n');
    await limited.expect(`MESSAGE seq=${seqs[1]}`, 'What was not acknowledged comes again.');
    limited.send(`ACK seq=${seqs[1]}\nPING\n`);
    await limited.expect('PONG', 'limit=1: then the relay waits for another RECEIVE.');
  },
};

const cumulative: Stage = {
  name: 'CUMULATIVE',
  does: 'takes one ACK for everything up to its number',
  points: 1,
  section: 'ACK',
  async run(attempt) {
    const { seqs, bodies } = await withMail(attempt, 5);
    const bob = await greeted(attempt, 'relay', 'bob');
    bob.send('RECEIVE window=8\n');
    for (const seq of seqs) await bob.expect(`MESSAGE seq=${seq}`, 'The window has room for all of them.');
    bob.send(`ACK seq=${seqs[2]}\nBYE\n`);
    await bob.expect('BYE', 'By then the ACK has taken effect.');
    await mustHold(
      attempt,
      'bob',
      bodies.slice(3),
      'ACK acknowledges everything up to and including its number.',
    );
  },
};

const again: Stage = {
  name: 'AGAIN',
  does: 'sends what was not acknowledged again, in the same order, with a higher attempt',
  points: 2,
  section: 'Receiving',
  async run(attempt) {
    const { seqs } = await withMail(attempt, 3);
    for (let count = 1; count <= 3; count += 1) {
      const bob = await greeted(attempt, 'relay', 'bob');
      bob.send('RECEIVE window=8\n');
      for (const seq of seqs)
        await bob.expect(
          `MESSAGE seq=${seq} attempt=${count}`,
          'attempt counts the connections on which the message was sent.',
        );
      bob.reset();
    }
  },
};

const badAck: Stage = {
  name: 'BAD-ACK',
  does: 'answers an ACK of what it has not sent with ERROR code=bad_ack',
  points: 1,
  section: 'ACK',
  async run(attempt) {
    const { seqs, bodies } = await withMail(attempt, 2);
    const bob = await greeted(attempt, 'relay', 'bob');
    bob.send('RECEIVE window=1\n');
    await bob.expect(`MESSAGE seq=${seqs[0]}`, STORES);
    bob.send(`ACK seq=${seqs[1]}\n`);
    await bob.expect('ERROR code=bad_ack', 'The second message was not sent on this connection.');
    bob.close();
    await mustHold(attempt, 'bob', bodies, 'A bad ACK acknowledges nothing.');
  },
};

const replaced: Stage = {
  name: 'REPLACED',
  does: 'gives the mailbox to the newest collector, and tells the older one',
  points: 2,
  section: 'Receiving',
  async run(attempt) {
    const { seqs } = await withMail(attempt, 1);
    const older = await ready(attempt, 'relay', 'older');
    older.send('HELLO version=1 as=bob session=s1\nRECEIVE window=1\n');
    await older.expect(`MESSAGE seq=${seqs[0]}`, STORES);
    const newer = await ready(attempt, 'relay', 'newer');
    newer.send('HELLO version=1 as=bob session=s2\nRECEIVE window=1\n');
    await older.expect('BYE code=replaced', 'Another session has taken this mailbox.');
    older.finish();
    await newer.expect(
      `MESSAGE seq=${seqs[0]}`,
      'What the older one has not acknowledged goes to the newer one.',
    );
  },
};

/** The stages about RECEIVE, MESSAGE and ACK. */
export const DELIVERY_STAGES: readonly Stage[] = [window, cumulative, again, badAck, replaced];
