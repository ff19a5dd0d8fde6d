/** The example in strict mode, with buttons for what a test does to it. */
import { type Client, createClient } from "@belay/client";
import { ClientProvider } from "@belay/react";
import { Fragment, type ReactElement, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Archive, type Message, Room } from "../example/room.tsx";
import { Crowd } from "./crowd.tsx";
import { Tagged } from "./tagged.tsx";

type Names = { readonly "chat:*": Message };

const query = new URLSearchParams(location.search);

function App({ client }: { readonly client: Client<Names> }): ReactElement {
  const [room, setRoom] = useState("red");
  const [isMounted, setMounted] = useState(true);
  return (
    <>
      <button onClick={() => setRoom((before) => (before === "red" ? "blue" : "red"))}>other room</button>
      <button onClick={() => setMounted(false)}>leave</button>
      {isMounted && (
        <ClientProvider client={client}>
          {query.has("crowd") ? <Crowd channel="chat:crowd" /> : <Room name={room} />}
          {query.has("tagged") && <Tagged name={room} />}
          {query.has("archive") && <Archive name={room} />}
        </ClientProvider>
      )}
    </>
  );
}

const root = document.querySelector("#root");
if (root === null) throw new Error("the page has no root");
const client = createClient<Names>({ endpoint: query.get("endpoint") ?? "", token: query.get("token") ?? "" });
const Mode = query.has("loose") ? Fragment : StrictMode;
createRoot(root).render(
  <Mode>
    <App client={client} />
  </Mode>,
);
