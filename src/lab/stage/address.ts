// An address of this process's own, for places that are left and come back to: whoever listens by turns on a port of 127.0.0.1 may find
// there, when he comes back, somebody else who chose the same one; and who calls him meanwhile reaches that stranger.

/** The address that every system has. */
export const COMMON_ADDRESS = '127.0.0.1';

/** Linux answers to all of 127.0.0.0/8 (RFC 1122 section 3.2.1.3 (g)), and a process number has at most 22 bits. Elsewhere the common one. */
export const OWN_ADDRESS =
  process.platform === 'linux'
    ? `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`
    : COMMON_ADDRESS;
