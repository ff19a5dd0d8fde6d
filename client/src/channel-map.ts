/** `chat:*` stands for every name that begins with `chat:`; a name without a star for itself. */
type Matching<Pattern extends string> = Pattern extends `${infer Prefix}*` ? `${Prefix}${string}` : Pattern;

/** Names that a map of channels (`{ "chat:*": Chat }`) has a payload for. */
export type ChannelName<Names extends object> = {
  [Pattern in keyof Names & string]: Matching<Pattern>;
}[keyof Names & string];

/** The payload of a channel by its name; of every pattern that fits. */
export type DataOf<Names extends object, Name extends string> = {
  [Pattern in keyof Names & string]: Name extends Matching<Pattern> ? Names[Pattern] : never;
}[keyof Names & string];
