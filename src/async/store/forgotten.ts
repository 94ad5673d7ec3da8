// Where mailboxes were forgotten. A throwaway name may come back and count its messages from 1 again; an old message of that name
// in an old segment must then not be taken for a new one with the same number. It knows names and places, no content.

interface Place {
  segment: number;
  offset: number;
}

const NOWHERE_YET: Readonly<Place> = { segment: Number.POSITIVE_INFINITY, offset: Number.POSITIVE_INFINITY };

/** The last place at which each forgotten mailbox was forgotten, as long as something older may be in the journal. */
export class Forgotten {
  readonly #places = new Map<string, Place>();

  /** A mailbox is being forgotten: behind everything that is in the journal now. @returns what is called with the place, once it is known */
  begin(to: string): (segment: number, offset: number) => void {
    const place = { ...NOWHERE_YET };
    this.#places.set(to, place);
    return (segment, offset) => {
      place.segment = segment;
      place.offset = offset;
    };
  }

  /** Is what stands at this place older than the mailbox of this name that there may be now? */
  since(to: string, segment: number, offset: number): boolean {
    const place = this.#places.get(to);
    if (place === undefined) return false;
    return segment < place.segment || (segment === place.segment && offset < place.offset);
  }

  /** Nothing of this segment or an older one is left. */
  dropUpTo(segment: number): void {
    for (const [to, place] of this.#places) if (place.segment <= segment) this.#places.delete(to);
  }
}
