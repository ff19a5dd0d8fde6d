import { useChannel, usePresence } from "@belay/react";
import type { ReactElement } from "react";

/** Says with each subscription of which room it is. */
export function Tagged({ name }: { readonly name: string }): ReactElement {
  const { state } = useChannel(`chat:channel-${name}`, { data: name });
  const { isLoaded } = usePresence(`chat:presence-${name}`, { data: name });
  return (
    <p id="tagged">
      {name} {state} {isLoaded ? "loaded" : ""}
    </p>
  );
}
