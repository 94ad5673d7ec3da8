// The address of the board as a QR code, for the phones of a class.

import { renderUnicodeCompact } from 'uqr';

/** An address as a QR code in the block characters of a terminal; for dark backgrounds. */
export const qrCode = (address: string): string => renderUnicodeCompact(address);
