// Who has a copy of a message at a time? Each answer follows from events that somebody recorded (histories.ts), and from PROTOCOL.md: yes,
// no, or nobody knows. What happens later may prove more than was known then, and is used: a frame that is received later was under way.
// Pure.

import type { Process } from '../../trace/model.ts';
import { type Attempt, type Fates, type History, NEVER } from './histories.ts';
import type { Route } from './messages.ts';

/** Is there a copy? */
export type Has = 'yes' | 'no' | 'unknown';

/** One place where a copy may be. */
export interface Copy {
  readonly place: 'sender' | 'way' | 'memory' | 'disk' | 'receiver' | 'shown';
  /** The place in a word or two. */
  readonly label: string;
  /** The place in words: `bob: kernel or program`. */
  readonly name: string;
  readonly has: Has;
  /** How that is known, in one sentence. */
  readonly why: string;
}

/** An answer and how it is known. */
type Answer = Pick<Copy, 'has' | 'why'>;

const yes = (why: string): Answer => ({ has: 'yes', why });
const no = (why: string): Answer => ({ has: 'no', why });
const unknown = (why: string): Answer => ({ has: 'unknown', why });

/** Where the copies of a message are after the event with the number `at` of the merge: the places of its route, in the order of its way. */
export function copiesOf(history: History, fates: Fates, route: Route, at: number): readonly Copy[] {
  const now: Now = { route, history, fates, at, ...namesIn(history, route) };
  const { sender, relay, receiver } = now;
  const all: (Answer & Omit<Copy, 'has' | 'why'>)[] = [
    { place: 'sender', label: sender, name: `${sender}’s program`, ...atSender(now) },
    { place: 'way', label: 'under way', name: 'under way', ...underWay(now) },
  ];
  if (route === 'detour') {
    const disk = onDisk(now);
    all.push({ place: 'memory', label: 'memory', name: `${relay}’s memory`, ...inMemory(now, disk) });
    all.push({ place: 'disk', label: 'disk', name: `${relay}’s disk`, ...disk });
  }
  const carriers = route === 'direct' ? history.sends : history.mails;
  all.push({
    place: 'receiver',
    label: receiver,
    name: `${receiver}: kernel or program`,
    ...atReceiver(now, carriers),
  });
  all.push({ place: 'shown', label: 'shown', name: `shown by ${receiver}`, ...shown(now, carriers) });
  return all;
}

interface Now {
  readonly route: Route;
  readonly history: History;
  readonly fates: Fates;
  readonly at: number;
  readonly sender: string;
  readonly relay: string;
  readonly receiver: string;
}

function namesIn(
  { senders, sends, mails, addressee }: History,
  route: Route,
): Pick<Now, 'sender' | 'relay' | 'receiver'> {
  const [sender] = senders.keys();
  const nameOf = (ends: readonly Attempt[]): string | undefined =>
    ends.findLast(({ to }) => to !== undefined)?.to?.process.actor;
  return {
    sender: sender?.actor ?? 'alice',
    relay: nameOf(sends) ?? 'relay',
    receiver: nameOf(route === 'direct' ? sends : mails) ?? addressee ?? 'bob',
  };
}

// Of several answers the one that says most: a copy somewhere, else perhaps one, else none.
function strongest(answers: readonly Answer[], none: Answer): Answer {
  return (
    answers.find(({ has }) => has === 'yes') ??
    answers.find(({ has }) => has === 'unknown') ??
    answers.at(-1) ??
    none
  );
}

function atSender({ history, fates, at }: Now): Answer {
  const answers = [...history.senders].map(([process, { from, outcome }]): Answer => {
    const name = process.actor;
    if (from > at) return no('it has not begun');
    const fate = fates.of(process, at);
    if (fate === 'ended') return no(`${name}’s program has ended`);
    if (fate === 'unknown')
      return unknown(`${name}’s connection ended, and the log of ${name} has nothing more`);
    if (outcome <= at || history.sends.some(({ from, heard }) => from?.process === process && heard <= at))
      return unknown(`${name} has its answer, and need not keep it any longer`);
    return yes(`${name} has no verdict yet`);
  });
  return strongest(answers, unknown('there is no log of its sender'));
}

/** How far a frame has come. `lost`: what was not read will never be. */
type Stage = 'not sent' | 'under way' | 'perhaps' | 'lost' | 'read';

function stageOf(attempt: Attempt, { fates, at }: Now): Stage {
  const { sent, received, from, to } = attempt;
  if (received <= at) return 'read';
  if (sent > at) return 'not sent';
  // That it was received later proves that it was under way now.
  if (received !== NEVER) return 'under way';
  if (Math.min(attempt.heard, attempt.read) <= at) return 'read';
  if (to === undefined) return 'perhaps';
  const fate = fates.of(to.process, at);
  if (fate === 'ended' || fates.overAt(to) <= at) return 'lost';
  if (fate === 'unknown') return 'perhaps';
  const over = from !== undefined && (fates.overAt(from) <= at || fates.of(from.process, at) !== 'runs');
  return over ? 'perhaps' : 'under way';
}

function underWay(now: Now): Answer {
  const answers = [...now.history.sends, ...now.history.mails].map((attempt): Answer => {
    switch (stageOf(attempt, now)) {
      case 'under way':
        return yes('sent, and not yet received');
      case 'perhaps':
        if (attempt.to === undefined) return unknown('sent, and there is no log of its receiver');
        return unknown(
          'sent, but the connection or its sender is gone: the rest of the way may still have it',
        );
      case 'lost':
        return no('its receiver closed the connection before reading it: it is lost');
      case 'read':
        return no('it was received');
      default:
        return no('it has not been sent');
    }
  });
  const { history, route, relay } = now;
  // It may be on its way from the relay to its recipient, or not.
  if (
    route === 'detour' &&
    !isLogged(history) &&
    mayBeAtRelay(now) &&
    history.mails.every(({ received }) => received > now.at)
  )
    answers.push(unknown(`there is no log of ${relay}, which may be sending it on`));
  return strongest(answers, no('it has not been sent'));
}

// Is there a log of the relay?
const isLogged = ({ sends, mails, stored }: History): boolean =>
  stored !== NEVER ||
  [...sends.map(({ to }) => to), ...mails.map(({ from }) => from)].some((end) => end !== undefined);

const mayBeAtRelay = (now: Now): boolean =>
  now.history.sends.some((attempt) => !['not sent', 'lost'].includes(stageOf(attempt, now)));

// What the program that received a frame has of it.
function inProgram(process: Process, { fates, at }: Now, attempt: Attempt): Answer {
  const name = process.actor;
  const fate = fates.of(process, at);
  if (fate === 'ended') return no(`${name}’s program has ended`);
  if (fate === 'unknown')
    return unknown(`${name}’s connection ended, and the log of ${name} has nothing more`);
  if (Math.min(attempt.answered, attempt.heard) > at)
    return yes(`${name}’s program has received it and not answered yet`);
  if (attempt.answer === 'REFUSED') return no(`${name} has refused it`);
  return unknown(`${name} has answered ${attempt.answer}, and need not keep it any longer`);
}

const deletedAt = ({ acknowledged, receipt, expired }: History): number =>
  Math.min(acknowledged, receipt, expired);

function inMemory(now: Now, disk: Answer): Answer {
  const { history, fates, at, relay } = now;
  if (deletedAt(history) <= at) return no(`${relay} has deleted it`);
  const answers = history.sends.map((attempt): Answer => {
    const stage = stageOf(attempt, now);
    const { to } = attempt;
    if (stage === 'not sent' || stage === 'lost') return no(`${relay}’s program has not received it`);
    if (to === undefined) return unknown(`there is no log of ${relay}`);
    if (stage !== 'read') return no(`${relay}’s program has not received it`);
    return inProgram(to.process, now, attempt);
  });
  const passed = history.mails.length > 0 || history.stored !== NEVER;
  const found = strongest(
    answers,
    passed ? unknown(`no log says how it came to ${relay}`) : no(`nothing has been sent to ${relay}`),
  );
  const relays = new Set([...history.sends.map(({ to }) => to), ...history.mails.map(({ from }) => from)]);
  const runs = [...relays].some((end) => end !== undefined && fates.of(end.process, at) === 'runs');
  if (found.has === 'no' && disk.has !== 'no' && runs && history.mails.some(({ sent }) => sent <= at))
    return unknown(`a ${relay} that has started again reads it from the disk`);
  return found;
}

function onDisk(now: Now): Answer {
  const { history, fates, at, relay, receiver } = now;
  if (Math.min(history.acknowledged, history.receipt) <= at)
    return no(`${receiver} has acknowledged it, so ${relay} has deleted it`);
  if (history.expired <= at) return no('it has expired');
  if (history.mails.some(({ heard }) => heard <= at))
    return unknown(`${relay} has received ${receiver}’s ACK, and has not said yet that it has deleted it`);
  if (history.stored <= at) return yes(`${relay} has stored it, and it stays there if ${relay} is killed`);
  const mail = history.mails.find(({ sent, received }) => Math.min(sent, received) <= at);
  if (mail !== undefined && mail.answered > at)
    return yes(`${relay} has sent it on, and keeps it on its disk until it is acknowledged`);
  if (mail !== undefined || history.sends.some(({ answer, heard }) => answer === 'STORED' && heard <= at))
    return unknown(`${relay} has stored it; whether it is still there is in no log`);
  const answers = history.sends.map((attempt): Answer => {
    const stage = stageOf(attempt, now);
    if (stage === 'not sent' || stage === 'lost') return no('it has not been stored');
    const { to } = attempt;
    if (to === undefined) return unknown(`there is no log of ${relay}, and no answer`);
    if (stage !== 'read') return no(`${relay}’s program has not received it`);
    if (attempt.answered <= at && attempt.answer === 'REFUSED') return no(`${relay} has refused it`);
    if (fates.of(to.process, at) !== 'runs')
      return unknown(`${relay} has gone before it said whether it is stored`);
    return unknown(`${relay} has received it, and has not said yet whether it is stored`);
  });
  return strongest(answers, no('it has not been sent'));
}

function atReceiver(now: Now, carriers: readonly Attempt[]): Answer {
  const { at, receiver } = now;
  const answers = carriers.map((attempt): Answer => {
    const { to } = attempt;
    const stage = stageOf(attempt, now);
    switch (stage) {
      case 'not sent':
        return no(`nothing has been sent to ${receiver}`);
      case 'lost':
        return no(
          `${receiver}’s end of the connection is closed, and its kernel has discarded what was not read`,
        );
      case 'read':
        if (to === undefined || attempt.received > at)
          return unknown(`${receiver}’s program has received it; whether it keeps it is in no log`);
        return inProgram(to.process, now, attempt);
      default:
        if (stage === 'under way' && attempt.acknowledged <= at)
          return yes(`${receiver}’s kernel has acknowledged every byte; the program has not received it`);
        return unknown(`${receiver}’s kernel may have it: nobody has said so`);
    }
  });
  return strongest(answers, withoutCarrier(now));
}

// Nothing is known to have been sent to the receiver. On the detour only the relay's log can tell.
function withoutCarrier(now: Now): Answer {
  const { history, route, relay, receiver } = now;
  if (route === 'detour' && mayBeAtRelay(now) && !isLogged(history))
    return unknown(`there is no log of ${relay}`);
  return no(`nothing has been sent to ${receiver}`);
}

function shown(now: Now, carriers: readonly Attempt[]): Answer {
  const { history, fates, at, receiver } = now;
  if (history.shown <= at) return yes(`${receiver} has recorded it`);
  const vouched = carriers.find(
    ({ answer, answered, heard }) =>
      (answer === 'RECEIVED' || answer === 'ACK') && Math.min(answered, heard) <= at,
  );
  if (vouched !== undefined) return yes(`${receiver} has answered ${vouched.answer}`);
  if (Math.min(history.receipt, history.acknowledged) <= at) return yes(`${receiver} has acknowledged it`);
  const answers = carriers.map((attempt): Answer => {
    const stage = stageOf(attempt, now);
    const { to } = attempt;
    if (stage === 'not sent' || stage === 'lost') return no(`${receiver} has not received it`);
    if (to === undefined) return unknown(`there is no log of ${receiver}`);
    if (stage !== 'read') return no(`${receiver}’s program has not received it`);
    if (attempt.answered <= at) return no(`${receiver} has refused it`);
    if (fates.of(to.process, at) !== 'runs')
      return unknown(`${receiver} has gone after receiving it, and before it said that it was shown`);
    return unknown(`${receiver} has received it, and has not said yet that it was shown`);
  });
  return strongest(answers, withoutCarrier(now));
}
