// What the person at this terminal types to start detour, so that every command in a hint can be typed as it stands. In one terminal that is
// `npx detour`, in another `detour`. Only cli/ finds it out: a program that uses detour as a library has typed nothing.

let name = 'detour';

/** What the person types to start detour, such as `npx detour`; `detour` if nothing else was set. */
export const commandName = (): string => name;

/** Sets what the person types to start detour. To be called before a command is loaded, because some texts are made then. */
export function setCommandName(typed: string): void {
  name = typed;
}

// A command, or a name that comes next. The rest is the program's name in a sentence: "detour asks", "the detour".
const COMMAND =
  /(?<![\w./-])detour (?=(?:sync|async|link|demo|compare|check|explain|trace|journal|doctor|board|--help|--version)\b)/g;

/**
 * A text of detour's own, with every command in it as the person types it: `detour sync receive` becomes `npx detour sync receive`. It is a
 * function for a text, and a tag for a template. What is put into a template stays as it is, because it may be from a person or a network.
 */
export function asTyped(text: string | TemplateStringsArray, ...values: readonly unknown[]): string {
  const own = (part: string): string => part.replace(COMMAND, () => `${name} `);
  return typeof text === 'string' ? own(text) : String.raw({ raw: text.map(own) }, ...values);
}
