// Who has a copy now?
import type { Route } from '../messages.ts';
export function Copies({ route }: { readonly route: Route }) {
  return <div data-testid={`copies-${route}`} />;
}
