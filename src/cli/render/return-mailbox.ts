// Names that begin with `w-`: a person who sees one for the first time is told what it is.

import { THROWAWAY } from '../../async/state.ts';
import { own } from './output.ts';

/** Is this the name of a return mailbox? `send --wait` makes one, with a long random name. */
const isReturnMailbox = (name: string): boolean => name.startsWith(THROWAWAY);

/** A name as it is shown: of that of a return mailbox only the beginning, because the rest is random. */
export const who = (name: string): string => (isReturnMailbox(name) ? `${THROWAWAY}${own('…')}` : name);

/** What a name `w-…` is, in one line. */
export const RETURN_MAILBOX = `${THROWAWAY}*: the private return mailbox of a sender who waits for a receipt (--wait)`;

/** What a name `w-…` is, if there is one among these: a line to show with them. */
export const returnMailboxNote = (names: Iterable<string>): readonly string[] =>
  [...names].some(isReturnMailbox) ? [RETURN_MAILBOX] : [];
