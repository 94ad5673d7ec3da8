/** Makes the clone ready (install, build) if it is not. */
export function setUp(): void;
