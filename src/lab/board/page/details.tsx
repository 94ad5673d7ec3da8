// What was clicked.
export function Details() {
  return <div data-testid="details" />;
}
