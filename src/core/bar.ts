/** A progress bar as text: `[====----]`. @param share how much is done, from 0 to 1 @param width characters between the brackets */
export function bar(share: number, width: number): string {
  const filled = Math.floor(width * Math.min(1, Math.max(0, share)));
  return `[${'='.repeat(filled)}${'-'.repeat(width - filled)}]`;
}
