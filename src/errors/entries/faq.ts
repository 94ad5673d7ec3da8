// The catalogue, part 8: questions that people ask, each with a command that shows the answer. They are about no failure in particular.
// What other programs do is from their documentation; which of them sync before they answer was also counted with strace, on Linux.

import { type CatalogEntry, PROTOCOL } from '../entry.ts';

type Same = 'layer' | 'moments' | 'certainty' | 'reference' | 'elsewhere' | 'basis';

const question = (
  own: Omit<CatalogEntry, Same> & Partial<Pick<CatalogEntry, 'reference' | 'elsewhere' | 'basis'>>,
): CatalogEntry => ({
  layer: 'questions',
  moments: [],
  certainty: 'A question has no verdict.',
  reference: PROTOCOL,
  elsewhere: 'The same on every system.',
  basis: 'rule of detour/1',
  ...own,
});

/** Questions, in the order in which a class asks them. */
export const QUESTION_ENTRIES: readonly CatalogEntry[] = [
  question({
    code: 'retry',
    title: 'is it safe to send it again?',
    meaning:
      'After NOT DELIVERED always: it did not happen. After UNKNOWN only if somebody recognises the repeat. In async mode the relay does, by ' +
      'the same id, sender, recipient and text, for at least 10 minutes of its running time. In sync mode nobody does: the message may be ' +
      'handled twice.',
    wire: 'SEND with the same id; STORED dup=yes says that the relay knew it',
    so: 'a repeat under a new id is a new message',
    notSo: '"the same id is safe for ever": once it is forgotten, it makes a second message',
    tryNext:
      'detour async send --id once hello, twice, then detour async receive: one message. Without --id: two',
  }),
  question({
    code: 'exactly_once',
    title: 'can a message come exactly once?',
    meaning:
      'Not the delivery. A sender without an answer cannot tell a lost message from a lost answer: it sends again (at least once), or it does ' +
      'not (at most once). But the effect can: the receiver saves the number of the message together with the effect, and skips numbers that ' +
      'it has. Sync is at most once. Async is at least once: the relay stores a repeat only once, but a receiver may be shown one message twice.',
    wire: 'MESSAGE attempt=2: an earlier receiver got it and did not acknowledge it',
    so: 'no network offers it, but a receiver can make it so for the effect',
    notSo: '"the relay drops repeats, so bob sees each once": he may be killed after showing, before his ACK',
    tryNext: 'detour demo 3: on the detour a second bob is shown the same message, as attempt 2',
  }),
  question({
    code: 'relay_dies',
    title: 'what if the relay crashes?',
    meaning:
      'Whatever it answered with STORED is in its journal on the disk: start it again on the same journal, and it goes on. What it did not ' +
      'answer is UNKNOWN: repeat it under the same id. What was collected and not acknowledged comes again. While it is away, nobody can ' +
      'send or collect. If the disk is lost, so is the mail: there is one copy.',
    wire: 'FIN or RST on open connections; then ECONNREFUSED for new ones',
    so: 'STORED outlives the program, not the disk',
    notSo: '"the relay makes it safe": now it is the relay that must be there',
    tryNext: 'detour demo 6 kills it with mail in it; in detour demo 7 there is none',
  }),
  question({
    code: 'where',
    title: 'where is my message now?',
    meaning:
      'On the direct route: in your kernel, on the way, in the other kernel, or in the other program; no disk has it. On the detour: on the ' +
      "relay's disk, from STORED until its receiver acknowledges it or its --ttl is over. How far it came is known only from whoever says so.",
    wire: 'SEND, and on the way back PONG, RECEIVED or STORED',
    so: "there may be several copies: the relay keeps its own until the receiver's ACK",
    notSo: '"it was sent, so it is there": sent means that your own kernel took it',
    tryNext:
      "detour sync send --ladder: each step, and who vouches for it. detour async status: who has mail. detour journal: the bytes on the relay's disk",
  }),
  question({
    code: 'brokers',
    title: 'what do RabbitMQ, Kafka, MQTT, Redis and SMTP promise?',
    meaning:
      'Who acknowledges what, when is it durable, what comes twice?\n' +
      'RabbitMQ: it confirms a publish if the client asked for that (not by default). A quorum queue confirms when a majority has it on disk; ' +
      'a classic queue (the default) does not wait for its disk to sync. What a consumer did not acknowledge comes again (redelivered).\n' +
      'Kafka: acks=all (default since 3.0) waits for every replica in sync, not for their disks: the copies are what is durable. A ' +
      'producer repeats without duplicates while it lives (idempotence, the default now); a consumer reads again from its last committed offset.\n' +
      'MQTT: QoS 0 has no answer; QoS 1 PUBACK, and may come twice; QoS 2 a handshake against that. Each is between a client and the broker. ' +
      'The disk is up to the broker: mosquitto uses none by default; with persistence it saves every 30 minutes and when it exits.\n' +
      'Redis Streams: by default XADD is answered from memory, and only snapshots reach the disk; with appendonly it syncs every second, ' +
      'with appendfsync always before it answers. Without XACK an entry stays pending until somebody claims it. A second XADD is a second entry.\n' +
      'SMTP: 250 after the final dot: now the server must deliver it or report back, and may not lose it in a crash. If the 250 is lost, the ' +
      'client sends again, and it comes twice. Nothing says that it was read.',
    wire: 'a confirm, an acks response, PUBACK, the id of an entry, 250: each is a STORED in its own words',
    so: 'ask for each: what does its yes promise, and is that the default?',
    notSo: '"it has a broker, so nothing is lost": between a yes and the disk, a power cut may lose it',
    tryNext:
      'detour async send --ladder hello, with a relay: "durable" is its word, and it syncs before it says so. What does your broker do?',
    reference:
      'RabbitMQ "Consumer Acknowledgements and Publisher Confirms"; Kafka documentation, acks and log.flush.interval.messages; MQTT 5.0 §4.3; ' +
      'mosquitto.conf(5); redis.conf; RFC 5321 §4.2.5, §6.1',
    elsewhere: 'Which of them sync before they answer was also counted on Linux. Not verified elsewhere.',
    basis: 'documentation',
  }),
  question({
    code: 'await',
    title: 'is that the async of async and await?',
    meaning:
      'No. await says how one program waits: other code of the same program may run meanwhile. Sync and async here say who must be there: ' +
      "both ends at the same time, or not. detour's own sync sender awaits its answer, and still needs bob now. A program that blocks can " +
      'use the relay just as well.',
    wire: 'the same bytes, however a program waits for them',
    so: 'await frees a program, but not from its peer',
    notSo: '"async is faster": the relay is one more stop, and a disk. detour compare measures it',
    tryNext:
      'without a receiver, detour sync send hello: it awaits, and is refused. With detour async relay running, detour async send hello: STORED',
  }),
  question({
    code: 'timeout',
    title: 'what does a timeout say?',
    meaning:
      'That one side stopped waiting; nothing about the other. If no byte of the message was handed over: NOT DELIVERED. After that: UNKNOWN, ' +
      'because the message may be lost, or its answer, or both may only be late. Waiting longer catches a late answer, and never a lost one.',
    wire: 'nothing: silence is not a packet',
    so: 'a deadline ends the waiting, not what happens at the other end',
    notSo: '"timed out, so it failed": it may be handled after the sender has left',
    tryNext:
      'detour sync receive --work 8s, then detour sync send --timeout 2s hello: UNKNOWN, and bob has it. Each situation: detour explain deadline',
  }),
  question({
    code: 'order',
    title: 'do messages come in the order in which they were sent?',
    meaning:
      'Within one TCP connection, bytes arrive in the order in which they were sent, in each direction. Nothing orders the bytes of two ' +
      'connections. The relay numbers the messages of a mailbox as it stores them, and sends them in that order: if two people send at ' +
      'the same time, the message that the relay reads first comes first. What was not acknowledged when a connection broke comes again, ' +
      'in the same order.',
    wire: 'MESSAGE seq=1, seq=2, …: numbers rise, and may have gaps',
    so: 'an order holds for one connection or one mailbox, not for everybody',
    notSo:
      '"the earlier timestamp was first": each computer has its own clock. detour trace orders by cause: sent, then received',
    tryNext:
      'detour async send --lines, with three lines, then detour async receive: they come in that order',
    reference: 'RFC 9293 §2.2; detour/1: src/wire/PROTOCOL.md',
  }),
  question({
    code: 'ack',
    title: 'what does an acknowledgement say?',
    meaning:
      'Only what its author knows. ACK of TCP: the other kernel has the bytes, and its program may be frozen. STORED: the relay has the message ' +
      'on its disk. RECEIVED, or ACK to the relay: the program has written it to its output; nobody need have read it. FIN: the other side ' +
      'sends no more; it need not have read all.',
    wire: 'a flag in a TCP header, or a line of text from a program',
    so: 'one more acknowledgement settles nothing: whoever sends the last one never knows whether it came',
    notSo: '"acknowledged means processed": ask who acknowledged',
    tryNext:
      'detour sync send --ladder, and type "freeze 20s" to the receiver between two messages: its kernel acknowledges, its program does not',
    reference: 'RFC 9293 §3.4, §3.6; detour/1: src/wire/PROTOCOL.md',
  }),
  question({
    code: 'stream',
    title: 'is one write one read?',
    meaning:
      'No. TCP carries a stream of bytes and keeps no borders: one write may come in several reads, and several writes in one. So a protocol ' +
      'says where a message ends; in detour/1 that is the end of a line, and size=. A reader collects until a message is complete, and keeps ' +
      'the rest for the next one.',
    wire: 'segments of any size',
    so: 'a program that takes one read for one message works until the network cuts elsewhere',
    notSo: '"it always worked here": loopback seldom cuts a small message',
    tryNext:
      'detour link --slice 3, then detour sync send --to 127.0.0.1:4102 hello: still DELIVERED. Then put a receiver of your own behind it',
    reference: 'RFC 9293 §2.2; detour/1: src/wire/PROTOCOL.md',
  }),
];
