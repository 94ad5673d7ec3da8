// The diagram of one half.
import type { Route } from '../messages.ts';
export function Diagram({ route }: { readonly route: Route }) {
  return <div data-testid={`diagram-${route}`} />;
}
