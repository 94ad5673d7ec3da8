// The one error class. An error is data: a code from the catalogue, a sentence for a person, and what to try.
// It is not a verdict: what a sender may conclude is decided in exchange/verdict.ts alone.

/**
 * A failure that detour foresaw: wrong input, a refusal, a peer that speaks something else, a damaged file.
 * Whatever is thrown and is not one of these is a defect of detour itself.
 */
export class DetourError extends Error {
  /**
   * @param code an entry of the catalogue (errors/catalog.ts): an errno, a `code=` of the protocol, or a word of detour's own
   * @param message one sentence that says what is wrong, with the offending value
   * @param hint what to do about it; empty if the message says it
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

/** The code of a system error, such as `ENOSPC`; empty if it has none. Node has no name for EDQUOT. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return '';
  return 'errno' in error && error.errno === -122 ? 'EDQUOT' : error.code;
}

/** Does the error say that there is no room on the disk? */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error));

/** Does it say that there is no room on the disk, or no file handle? That passes. */
export const isScarce = (error: unknown): boolean =>
  isFull(error) || ['EMFILE', 'ENFILE'].includes(errnoOf(error));

/** For `catch`: ignores such an error. @throws any other */
export function ignoreScarcity(error: unknown): undefined {
  if (!isScarce(error)) throw error;
  return undefined;
}
