// The one error class. An error is data: a code from the catalogue, a sentence for a person, and advice on what to try.
// It is not a verdict: what a sender may conclude is decided in exchange/verdict.ts alone.

/**
 * A failure that detour foresaw: wrong input, a refusal, a peer that speaks another protocol, a damaged file.
 * Any other error that reaches the top is a defect of detour itself.
 */
export class DetourError extends Error {
  /**
   * @param code a code in the catalogue (errors/catalog.ts): an errno, a `code=` of the protocol, or one of detour's own
   * @param message one sentence that says what is wrong, with the offending value
   * @param hint what to do about it; empty if the message says so
   */
  constructor(
    readonly code: string,
    message: string,
    readonly hint = '',
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DetourError';
  }
}

/** What went wrong and what to do about it, as one text, where there is no room for two. */
export const reasonOf = (error: unknown): string =>
  error instanceof DetourError
    ? [error.message.replace(/\.$/, ''), error.hint].filter(Boolean).join(': ')
    : String(error);

/** The code of a system error, such as `ENOSPC`; empty if it has none. EDQUOT is found by its number, because Node has no name for it. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return '';
  return 'errno' in error && error.errno === -122 ? 'EDQUOT' : error.code;
}

/** Does the error say that there is no room on the disk (ENOSPC, EDQUOT)? */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error));

/** Does the error say that there is no room on the disk or no free file handle? Such a shortage may pass. */
export const isScarce = (error: unknown): boolean =>
  isFull(error) || ['EMFILE', 'ENFILE'].includes(errnoOf(error));

/** For `catch`: ignores an error for which `isScarce` is true. @throws any other error */
export function ignoreScarcity(error: unknown): undefined {
  if (!isScarce(error)) throw error;
  return undefined;
}
