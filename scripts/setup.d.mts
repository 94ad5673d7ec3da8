/** Makes the clone ready (install, build), once; does nothing if it is. */
export function setUp(): void;
