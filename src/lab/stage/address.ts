// An address of this process's own, for ports that are closed and opened again. On 127.0.0.1 another program could take such a port
// meanwhile: then the port is in use when its owner comes back, and clients reach a stranger until then.

/** The address that every system has. */
export const COMMON_ADDRESS = '127.0.0.1';

/** Linux answers on all of 127.0.0.0/8 (RFC 1122 section 3.2.1.3 (g)), and a pid has at most 22 bits. Elsewhere: COMMON_ADDRESS. */
export const OWN_ADDRESS =
  process.platform === 'linux'
    ? `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`
    : COMMON_ADDRESS;
