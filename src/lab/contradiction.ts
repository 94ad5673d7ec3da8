// Compares a verdict with what the logs say. Pure.

import type { VerdictName } from '../core/event.ts';

/**
 * Why a verdict is false, as a sentence; undefined if nothing contradicts it.
 * @param handled did the receiver handle the message?
 * @param stored did the relay store it? undefined if that is not checked
 */
export function contradiction(verdict: VerdictName, handled: boolean, stored?: boolean): string | undefined {
  if (verdict === 'DELIVERED' && !handled) return 'DELIVERED, but bob had not handled it';
  if (verdict === 'STORED' && stored === false) return 'STORED, but the relay had not stored it';
  if (verdict === 'NOT_DELIVERED' && (handled || stored)) return 'NOT DELIVERED, but somebody has it';
  return undefined;
}
