// Why a program cannot listen, as one sentence. Asked by whoever opens a server.

import { DetourError } from '../core/error.ts';

/**
 * The error to throw when a server could not listen.
 * @param error what the system reported
 * @param where `host:port`
 * @param option the option with which a port is chosen
 */
export function cannotListen(error: NodeJS.ErrnoException, where: string, option: string): DetourError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new DetourError(
        'EADDRINUSE',
        `Cannot listen on ${where}: another program already does (EADDRINUSE).`,
        `Stop that one, or choose another port with ${option} (0 takes any free one).`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new DetourError(
        'EADDRNOTAVAIL',
        `Cannot listen on ${where}: this computer has no such address (EADDRNOTAVAIL).`,
        'Use 127.0.0.1 for this computer alone, or 0.0.0.0 for all its addresses.',
        { cause: error },
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new DetourError(
        error.code,
        `Cannot listen on ${where}: no address is known by that name (${error.code}).`,
        'Use 127.0.0.1 for this computer alone, or 0.0.0.0 for all its addresses.',
        { cause: error },
      );
    case 'EACCES':
      return new DetourError(
        'EACCES',
        `Cannot listen on ${where}: the system does not allow it (EACCES).`,
        `Ports below 1024 are reserved, and Windows reserves others: choose another with ${option}.`,
        { cause: error },
      );
    default:
      return new DetourError(
        error.code ?? 'EUNKNOWN',
        `Cannot listen on ${where}: ${error.code ?? error.message}.`,
        `Check --host and ${option}.`,
        { cause: error },
      );
  }
}
