// What a lying relay may be wrong about, and how kills.ts sees it; lying-relay.ts tells the lies.

/** The lies. */
export const RELAY_LIES = [
  {
    what: 'a relay that says STORED before it writes',
    finds: /^FAILED.*(?:was stored for|is also|LOST|was not known|and also)/m,
  },
  {
    what: 'a relay that forgets the ids when it dies',
    finds: /^FAILED.*(?:was not known|and again as)/m,
  },
  {
    what: 'a relay that lets go of a message when it is sent, not when it is acknowledged',
    finds: /^FAILED.*(?:was the last it acknowledged|LOST)/m,
  },
] as const;

/** The name of a lie. */
export type RelayLie = (typeof RELAY_LIES)[number]['what'];
